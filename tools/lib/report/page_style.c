/* page_style.c: the style sheet. The colours of text, lines and background are variables, light and
 * dark. The colours of the series (picture.c) suit both. Pictures have colours as attributes; rules
 * for elements override them. */
#include "report/page_private.h"

#include <stddef.h>

const char *const page_style[] = {
	":root{color-scheme:light dark;--back:#fff;--text:#1f2328;--soft:#5b6570;"
	"--line:#d9dee3;--panel:#f6f7f9;--link:#2c62a6}",
	"@media (prefers-color-scheme:dark){:root{--back:#14171b;--text:#e4e7eb;--soft:#9ba5b0;"
	"--line:#343b43;--panel:#1c2127;--link:#8ab4e8}}",
	"*{box-sizing:border-box}",
	"html{-webkit-text-size-adjust:100%;text-size-adjust:100%}",
	"body{margin:0 auto;max-width:50rem;padding:2.5rem 1.25rem 4rem;background:var(--back);"
	"color:var(--text);font:1rem/1.55 system-ui,-apple-system,'Segoe UI',Roboto,'Noto "
	"Sans',Helvetica,Arial,sans-serif;overflow-wrap:anywhere}",
	"h1{font-size:1.05rem;font-weight:600;color:var(--soft);margin:0 0 .5rem}",
	"h2{font-size:1.3rem;line-height:1.25;margin:3.25rem 0 .5rem}",
	"h3{font-size:1rem;margin:2rem 0 .5rem}",
	"h4{font-size:.88rem;font-weight:500;color:var(--soft);margin:1.25rem 0 0}",
	"nav{display:flex;flex-wrap:wrap;gap:.25rem 1.25rem;font-size:.9rem}",
	"a{color:var(--link)}nav a{text-decoration:none}nav a:hover{text-decoration:underline}",
	"p{margin:.5rem 0 1rem}",
	".result{font-size:1.45rem;line-height:1.4;margin:0 0 1.5rem}",
	".note{color:var(--soft);font-size:.9rem}",
	"code,pre{font:.86em/1.5 ui-monospace,'SF Mono','DejaVu Sans Mono',Consolas,monospace}",
	"pre{background:var(--panel);border:1px solid var(--line);border-radius:6px;"
	"padding:.8rem 1rem;overflow-x:auto}",
	"pre code{font-size:.86rem;overflow-wrap:normal}",
	"ul.figures{list-style:none;display:flex;flex-wrap:wrap;gap:.75rem 2.5rem;padding:0;"
	"margin:0 0 1rem}",
	"ul.figures li{font-size:1.25rem;font-variant-numeric:tabular-nums}",
	"ul.figures small{display:block;color:var(--soft);font-size:.82rem}",
	".scroll{overflow-x:auto;margin:.5rem 0 1rem}",
	"table{border-collapse:collapse;font-size:.88rem;line-height:1.35;"
	"font-variant-numeric:tabular-nums;overflow-wrap:normal}",
	"th,td{padding:.32rem .75rem .32rem 0;border-bottom:1px solid var(--line);"
	"text-align:left;vertical-align:baseline}",
	"thead th{color:var(--soft);font-weight:500;font-size:.8rem;vertical-align:bottom}",
	"tbody th{font-weight:500;white-space:nowrap}",
	"td.module,td.layer{white-space:nowrap}",
	"th.n,td.n{text-align:right;padding-left:.5rem}",
	"td.n{white-space:nowrap}",
	"th:last-child,td:last-child{padding-right:0}",
	"tr.sum th,tr.sum td{font-weight:600}",
	"td.name{overflow-wrap:anywhere;min-width:9rem}",
	"td.text{overflow-wrap:anywhere;min-width:13rem}",
	"td.answer{overflow-wrap:anywhere;min-width:6.5rem}",
	".right{color:#2f9274}.wrong{color:#d1663c}",
	"table.confusion{font-size:.82rem}",
	"table.confusion td,table.confusion th{padding:.3rem .4rem;text-align:right;border:1px "
	"solid var(--back)}",
	"table.confusion thead th{vertical-align:bottom}",
	"table.confusion thead th span{display:inline-block;writing-mode:vertical-rl;"
	"transform:rotate(180deg);text-align:left;max-height:7rem;overflow:hidden;"
	"white-space:nowrap}",
	"table.confusion tbody th{max-width:9rem;overflow:hidden;text-overflow:ellipsis;"
	"white-space:nowrap;padding-left:0}",
	"table.confusion caption{text-align:left;color:var(--soft);font-size:.82rem;"
	"padding-bottom:.4rem;white-space:nowrap}",
	"table.confusion td{min-width:2rem}",
	".pair{display:flex;flex-wrap:wrap;align-items:flex-end;gap:.5rem 3rem}",
	".pair .scroll{max-width:100%}",
	".r1{background:rgba(59,115,185,.08)}.r2{background:rgba(59,115,185,.16)}.r3{"
	"background:rgba(59,115,185,.25)}.r4{background:rgba(59,115,185,.36)}.r5{"
	"background:rgba(59,115,185,.5)}",
	".e1{background:rgba(209,102,60,.1)}.e2{background:rgba(209,102,60,.2)}.e3{"
	"background:rgba(209,102,60,.3)}.e4{background:rgba(209,102,60,.42)}.e5{"
	"background:rgba(209,102,60,.55)}",
	"td.none{color:var(--soft)}",
	".picture{margin:1rem 0 .25rem}",
	"svg{display:block;width:100%;height:auto}",
	"svg.narrow{display:none}",
	"svg g,svg path{color:inherit}",
	"svg text{font-family:system-ui,-apple-system,'Segoe UI',Roboto,'Noto Sans',Helvetica,"
	"Arial,sans-serif;fill:var(--text);font-variant-numeric:tabular-nums}",
	"svg [font-family='sans:Bold'] text{font-weight:600}",
	"svg [stroke='black'],svg [stroke='currentColor']{stroke:currentColor}",
	"svg .gridline{stroke:var(--line)}",
	"ul.legend{list-style:none;display:flex;flex-wrap:wrap;gap:.15rem 1.1rem;padding:0;"
	"margin:.25rem 0 .5rem;font-size:.88rem}",
	"ul.legend li::before{content:'';display:inline-block;width:.8em;height:.8em;"
	"border-radius:2px;margin-right:.4em}",
	".s0::before{background:#3b73b9}.s1::before{background:#d1663c}.s2::before{"
	"background:#2f9274}.s3::before{background:#a9821d}.s4::before{background:#8d6bb8}"
	".s5::before{background:#3f9fc0}.s6::before{background:#bd5486}.s7::before{"
	"background:#7d8590}",
	"details{margin:.5rem 0 1rem}",
	"summary{cursor:pointer;color:var(--soft);font-size:.9rem}",
	"@media (prefers-color-scheme:dark){.heat svg{filter:invert(1) hue-rotate(180deg);"
	"--text:#16191d;--line:#cfd4da}}",
	"@media (max-width:640px){body{padding:1.5rem 1rem 3rem}.result{font-size:1.2rem}h2{"
	"margin-top:2.5rem}svg.wide{display:none}svg.narrow{display:block}ul.figures{gap:.6rem "
	"1.75rem}th,td{padding-right:.6rem}td.module{white-space:normal;min-width:8.5rem}}",
	"@media "
	"print{nav{display:none}:root{--back:#fff;--text:#000;--soft:#444;--line:#ccc;--panel:#fff}"
	"body{"
	"max-width:none;padding:0;font-size:10pt}svg.wide{display:block}svg.narrow{"
	"display:none}.heat svg{filter:none}.scroll,pre{overflow:visible}pre{"
	"white-space:pre-wrap}.picture,tr{break-inside:avoid}h2,h3{break-after:avoid}}",
	NULL,
};
