#!/bin/sh
# The page about a merge: its numbers are those of the files, it is valid HTML, it needs nothing from elsewhere, and no
# text can break it. What is drawn was looked at; what is tested is that it is there.
. "$(dirname "$0")/../lib.sh"
# report WORK OPTIONS…: the page $T/page.html of a folder of make-work's.
report() {
	work=$1
	shift
	"$BUILD/write-report" --tasks "$tasks" --sites "$sites" --reference "$work/eval" --merges "sweep=$work" \
		-o "$T/page.html" --table "$T/page.tsv" "$@"
}
has() { grep -qF -- "$1" "$T/page.html"; }
hasnt() { ! grep -Eq -- "$1" "$T/page.html"; }
# rows PATTERN: the cells of the page's table rows that match, between tabs.
rows() {
	grep -E "$1" "$T/page.html" | sed 's,</t[dh]><t[dh][^>]*>,	,g; s,<[^>]*>,,g'
}
valid() {
	if command -v tidy >/dev/null; then
		check "$1: valid HTML" sh -c 'tidy -q -e "$1" 2>&1 | (! grep .)' - "$T/page.html"
	else skip "$1: valid HTML" 'there is no tidy; make deps installs it'; fi
}
# names N: the sites of a model of one stack, the first N of them.
names() {
	i=0
	while [ $i -lt "$1" ]; do
		for s in self out ffn down; do
			[ $i -ge "$1" ] || printf '%slayer%02d-%s' "$([ $i = 0 ] || echo ,)" $((i / 4)) $s
			i=$((i + 1))
		done
	done
}

# ---------------------------------------------------------------- a merge of the tiny model
tiny
W=$T/work
must run "$W" merge eval TASK_TARGETS=emoint,tec MANUAL_CEOF=1
must run "$W" report TASK_TARGETS=emoint,tec MANUAL_CEOF=1
cp "$T/must.out" "$T/said"
check 'make report prints the table' grep -q '^individual  *[01]\.[0-9]* ' "$T/said"
cp "$W/report.html" "$T/page.html"
valid 'a small merge'
check 'nothing is loaded, and nothing runs' hasnt 'https?:|src=|url\(|@import|<script|<link|<iframe| on[a-z]+='
awk -F'\t' '$1 ~ /^(base|individual|sweep)$/ && $2 != "mean" {
	sub("individual", "own adapter", $1); print $2, $1, $3, $4, $5, $9, $10 }' OFS='\t' "$W/eval.tsv" |
	sort >"$T/expected"
rows '^<tr><td><bdi>(emoint|tec)</bdi></td><td><bdi>(base|own adapter|sweep)<' | sort >"$T/found"
check 'accuracies are those of eval.tsv' diff "$T/expected" "$T/found"
check 'so many' [ "$(wc -l <"$T/found")" = 6 ]
# A line of report.tsv: site, module, task, residual, share, of all, condition.
awk -F'\t' 'NR > 1 {
	r[$2] = r[$2] sprintf("\t%.4f", $4); s[$2] = s[$2] sprintf("\t%.1f", 100 * $5); c[$2] = $7; a[$2] = $6 }
	END { for (m in r) printf "%s\t%.3g\t%.4f%s%s\n", m, c[m], a[m], r[m], s[m] }' "$W/report.tsv" |
	sort >"$T/expected"
rows '^<tr><td class="module">' | sort >"$T/found"
check "every module's figures are those of report.tsv" diff "$T/expected" "$T/found"
q=encoder.block.1.layer.0.SelfAttention.q
h5dump -y -w 0 -m %.9g -d "/modules/$q/task_residual" "$W/solution/enc01-self.h5" |
	sed -n 's/^ *\([0-9.e-]*\),*$/\1/p' >"$T/expected"
awk -F'\t' -v q=$q '$2 == q { print $4 }' "$W/report.tsv" >"$T/found"
check "and report.tsv's those of the solution" diff "$T/expected" "$T/found"
check 'both tasks' [ "$(wc -l <"$T/found")" = 2 ]
# A layer is the stack and the first number of a module's name. Lines are means over its modules.
awk -F'\t' 'NR > 1 { split($2, w, "."); at = w[1] " " w[3]; c[at] = $7 > c[at] ? $7 : c[at]
		if ($4 != "") { sum[at, $3] += $4; n[at, $3]++ } }
	END { for (at in c) printf "%s\t%.4f\t%.4f\t%.3g\n", at, sum[at, "emoint"] / n[at, "emoint"],
		sum[at, "tec"] / n[at, "tec"], c[at] }' "$W/report.tsv" | sort >"$T/expected"
rows '^<tr><td class="layer">' | sort >"$T/lines"
rows '^<tr><td><bdi>(en|de)coder [0-9]+</bdi>' | sort | cut -f2 | paste "$T/lines" - >"$T/found"
check "a layer's residuals and condition follow from its modules'" diff "$T/expected" "$T/found"
awk -F'\t' '{ n[$1]++; real[$1] += $3; cpu[$1] += $4; if ($5 > most[$1]) most[$1] = $5 }
	END { for (t in n) printf "%s\t%d\t%.3f\t%.3f\t%.1f\n", t, n[t], real[t], cpu[t], most[t] }' "$W/log.tsv" |
	sort >"$T/expected"
rows '^<tr><td><bdi>[a-z]+-[a-z]+</bdi></td><td class="n">[0-9]+</td><td class="n">[0-9.]+</td>' | sort >"$T/found"
check "the stages' figures are those of log.tsv" diff "$T/expected" "$T/found"
# confusion NAME FILE: the matrix of a result, as the page shows it: label, then counts.
confusion() {
	sed -n '/"labels"/,/\]/p' "$2" | sed -n 's/^  "\(.*\)",*$/\1/p' >"$T/labels"
	sed -n '/"confusion"/,/^ \]/p' "$2" | sed -n 's/^   \([0-9]*\),*$/\1/p' | sed 's/^0$/·/' |
		xargs -n $(($(wc -l <"$T/labels") + 1)) | tr ' ' '\t' | paste "$T/labels" -
}
for task in emoint tec; do
	confusion own "$W/eval/adapters/$task/$task.json"
	confusion merge "$W/eval/$task.json"
done >"$T/expected"
sed -n '/<table class="confusion">/,/<\/table>/p' "$T/page.html" | grep '^<tr><th scope="row">' |
	sed 's,</t[dh]><t[dh][^>]*>,	,g; s,<[^>]*>,,g' >"$T/found"
check 'confusion matrices are those of the results' diff "$T/expected" "$T/found"
for file in adapters/emoint/emoint emoint adapters/tec/tec tec; do
	sed -n 's/^ "no_label": \([0-9]*\),$/\1/p' "$W/eval/$file.json"
done >"$T/expected"
sed -n 's,.*</bdi>: \([0-9]*\) outputs* \(is\|are\) no label</caption>.*,\1,p' "$T/page.html" >"$T/found"
check '… and how many outputs are no label' diff "$T/expected" "$T/found"
# Rows: those that own adapter and merge answer differently; their answers; at most twenty of a task.
for task in emoint tec; do
	paste "$W/eval/adapters/$task/$task.jsonl" "$W/predictions/$task.jsonl" |
		sed 's/"prediction":null,"text"/"prediction"/g
			s/.*"label":"\([^"]*\)".*"prediction":"\([^"]*\)".*"prediction":"\([^"]*\)".*/\1\t\2\t\3/' |
		awk -F'\t' '$2 != $3 { print NR - 1 "\t" $0 }' >"$T/differ.$task" # an answer may be empty
	echo "$(wc -l <"$T/differ.$task") of $(wc -l <"$W/predictions/$task.jsonl") rows are answered differently"
done >"$T/expected"
grep -o '[0-9]* of [0-9]* rows are answered differently' "$T/page.html" >"$T/found"
check 'so many rows are answered differently' diff "$T/expected" "$T/found"
rows '^<tr><td class="n">[0-9]+</td><td class="text">' | sed -E 's/(✓|✗) //g; s/empty//g' | cut -f1,3- \
	>"$T/found"
check '… the rows are among them, with both answers' sh -c \
	'[ -s "$1" ] && cat "$2" "$3" | grep -vxFf - "$1" | (! grep .)' - "$T/found" "$T/differ.emoint" "$T/differ.tec"
check '… at most twenty of each task' [ "$(wc -l <"$T/found")" -le 40 ]
# What a reader asks: which task lost most, in which layers, is it more than chance, what rank and size, how to load it.
least=$(awk -F'\t' '$1 == "individual" { own[$2] = $4 }
	$1 == "sweep" && own[$2] > 0 && $2 != "mean" { print $4 / own[$2], $2 }' "$W/eval.tsv" |
	sort -g | head -n 1 | cut -d' ' -f2)
says() { sed 's,<[^>]*>,,g' "$T/page.html" | tr -s '\n ' ' ' | grep -Eq -- "$1"; }
check "which task lost most ($least)" says "accuracy, the least on $least with [0-9.]+ %; it took"
check '… and in which layers' says \
	"$least, which kept the least of its accuracy, has its largest residuals in (en|de)coder [01] "
check '… more than chance, or not' [ "$(rows "^<tr><th scope=\"row\"><bdi>$least</bdi>.*>(yes|no)<" | wc -l)" = 1 ]
check '… rank and size' says "rank 8 adapter $(stat -c %s "$W/adapter/adapter_model.safetensors" |
	awk '{ printf "%.1f", $1 / 1e6 }') MB"
check '… how to load it' says "PeftModel.from_pretrained\(base, &quot;$W/adapter&quot;\)"
for id in $(grep -o 'href="#[a-z]*"' "$T/page.html" | sed 's/.*#//; s/"//'); do
	check "the contents lead to $id" has "<section id=\"$id\">"
done
if command -v gnuplot >/dev/null; then
	for width in wide narrow; do
		check "$width pictures" [ "$(grep -c "<svg class=\"$width\"" "$T/page.html")" = 7 ]
	done
else skip 'pictures' 'there is no gnuplot; make deps installs it'; fi

check 'a comparison has a page of its own' run "$T/compare" compare METHODS=average,regmean TASK_TARGETS=emoint,tec \
	MANUAL_CEOF=1
cp "$T/compare/report.html" "$T/page.html"
valid 'a comparison'
check 'with all methods' sh -c 'grep -q "<bdi>average</bdi></th>" "$1" && grep -q "<bdi>regmean</bdi></th>" "$1"' \
	- "$T/page.html"
must "$BUILD/write-report" --tasks emoint,tec --sites enc00-self,enc01-self --reference "$T/compare/reference" \
	--merges "average=$T/compare/average" -o "$T/page.html" --table "$T/page.tsv"
must run "$T/compare/cut" merge eval METHOD=average MERGE_RANK=auto:0.9 TASK_TARGETS=emoint,tec MANUAL_CEOF=1 \
	REFERENCE="$T/compare/reference"
must "$BUILD/write-report" --tasks emoint,tec --sites enc00-self,enc01-self --reference "$T/compare/reference" \
	--merges "average=$T/compare/cut" -o "$T/page.html" --table "$T/page.tsv"
awk -F'\t' 'NR > 1 { printf "%s\t%d\t%.4f\n", $2, $8, $9 }' "$T/page.tsv" >"$T/expected"
rows '^<tr><td class="module">' >"$T/found"
check 'a cut: the error of every module' diff "$T/expected" "$T/found"
check 'there are four' [ "$(grep -c '0\.[0-9]*[1-9]' "$T/found")" = 4 ]
valid 'a cut merge'
must "$BUILD/write-report" --tasks emoint,tec --sites enc00-self,enc01-self --reference "$T/compare/reference" \
	--merges "average=$T/compare/average" -o "$T/page.html" --table "$T/page.tsv"
check 'a method by weights alone has no residuals, and says so' has 'These solutions hold no residuals'
check 'and an empty table' [ "$(wc -l <"$T/page.tsv")" = 1 ]
valid 'no residuals'

# ---------------------------------------------------------------- a large merge, and hostile texts
tasks=alpha,beta,gamma,delta sites=$(names 241)
must "$HELP/make-work" -q -o "$T/large" --tasks "$tasks"
check '241 sites' report "$T/large"
# Of the processor, with gnuplot: the machine may be busy.
report_large() { "$BUILD/write-report" --tasks "$tasks" --sites "$sites" --reference "$T/large/eval" \
	--merges "sweep=$T/large" -o "$T/page.html" --table "$T/page.tsv"; }
seconds=$( (report_large 2>/dev/null; times) | tail -n 1 | tr 'ms' '  ' | awk '{ print 60 * $1 + $2 + 60 * $3 + $4 }')
check "take 5 s of processor time at most (here: $seconds)" awk -v s="$seconds" 'BEGIN { exit !(s > 0 && s <= 5) }'
check 'and 3 MB' [ "$(wc -c <"$T/page.html")" -lt 3000000 ]
check 'with a line for each module and task' [ "$(wc -l <"$T/page.tsv")" = $((423 * 4 + 1)) ]
check 'a task without an adapter there has no residual' \
	[ "$(awk -F'\t' '$3 == "alpha" && $4 != ""' "$T/page.tsv" | wc -l)" = 0 ]
valid '241 sites'

tasks='<b>bold,'"$(printf '\342\200\256rtl')" sites=$(names 5)
must "$HELP/make-work" -q -o "$T/hostile" --tasks "$tasks" --sites 5 --hostile
check 'hostile texts' report "$T/hostile"
valid 'hostile texts'
check 'no element of theirs' hasnt '<script|<img|<b>| onerror="| onmouseover="'
check 'they are there as texts' has '&lt;script&gt;alert(1)&lt;/script&gt;'
check 'marks of direction are shown, and isolated' has '<bdi>⟨U+202E⟩evil⟨U+2069⟩'
check 'so are controls' has '<bdi>␇␛[31m␉␡⟨U+0085⟩</bdi>'
check 'marks of the pictures stay as they are' has '@0@ @1@ &amp;lt;'
check 'no byte is a control or no UTF-8' sh -c '! LC_ALL=C.UTF-8 grep -qP "[\x00-\x08\x0b-\x1f\x7f]" "$1" &&
	iconv -f UTF-8 -t UTF-16 "$1" >"$2"' - "$T/page.html" "$T/utf16"

# A log of an earlier version has no times; one with a strange tool in it is text all the same.
awk -F'\t' '{ print $1, $2, $3, $4, $5 }' OFS='\t' "$T/hostile/log.tsv" >"$T/old" && cp "$T/old" "$T/hostile/log.tsv"
printf '<i>\377\tx\t1\t1\t1\n' >>"$T/hostile/log.tsv"
check 'an old log' report "$T/hostile"
check 'has no picture of the clock, and says so' has 'has no times of day'
check 'and its bytes are shown' has '&lt;i&gt;⟨FF⟩'

# ---------------------------------------------------------------- without gnuplot, in a browser, and what is refused
mkdir "$T/empty"
check 'without gnuplot' env PATH="$T/empty" "$PWD/$BUILD/write-report" --tasks "$tasks" --sites "$sites" \
	--reference "$T/hostile/eval" --merges "sweep=$T/hostile" -o "$T/page.html" --table "$T/page.tsv"
check 'the page says what pictures need' has 'Pictures need gnuplot'
check 'and shows the tables' has '<details open><summary>The numbers</summary>'
valid 'without gnuplot'

# Errors of the page show as lines of the console.
if command -v chromium >/dev/null; then
	tasks=alpha,beta,gamma,delta sites=$(names 9)
	must report "$T/large"
	timeout 120 chromium --headless --no-sandbox --disable-gpu --user-data-dir="$T/chromium" \
		--enable-logging=stderr --dump-dom "file://$T/page.html" >"$T/dom" 2>"$T/console"
	check 'a browser shows the page' grep -q '<section id="load">' "$T/dom"
	check 'and its console has no line' sh -c '! grep CONSOLE "$1"' - "$T/console"
else skip 'the page in a browser' 'there is no chromium, which make deps leaves out because it is large'; fi

# A score of whole answers has no labels.
tasks=alpha,beta,gamma,delta sites=$(names 4)
cp -r "$T/large" "$T/whole"
without_labels() { # TASK
	for file in $(find "$T/whole/eval" -name "$1.json"); do
		printf '{"task": "%s", "n": 500, "loss": 1.5, "loss_stderr": 0.1, "exact":
			{"accuracy": 0.5, "accuracy_stderr": 0.02}}' "$1" >"$file"
	done
}
matrices() { grep -c '<table class="confusion">' "$T/page.html"; }
without_labels alpha
must report "$T/whole"
check 'a task without labels has no matrix, the others have two' [ "$(matrices)" = 6 ]
check '… and the page says why' has 'The other tasks compare whole answers'
for task in beta gamma delta; do without_labels $task; done
must report "$T/whole"
check 'no task has labels' [ "$(matrices)" = 0 ]
check '… which is said once' [ "$(grep -c 'The tasks compare whole answers' "$T/page.html")" = 1 ]
valid 'no labels'

OUT=$T/out
write_report() { report "$T/large" --data "${data:-$T/nowhere}"; }
refuses 'no test rows' 1 "cannot open '.*nowhere/.*test.json'" write_report
sed -i 1d "$T/large/predictions/alpha.jsonl"
tasks=alpha,beta sites=$(names 4)
refuses 'fewer answers of the merge' 1 "alpha.jsonl' has 500 rows and '.*alpha.jsonl' has 499: expected equal numbers" \
	report "$T/large"
finish
