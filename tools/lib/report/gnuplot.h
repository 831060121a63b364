/* gnuplot.h: pictures, drawn by the program gnuplot. */
#ifndef GNUPLOT_H
#define GNUPLOT_H

/* What gnuplot writes for a script, an SVG document (allocated). NULL: this machine has no gnuplot.
 * A script that it refuses is die(). */
char *gnuplot_run(const char *script);

#endif
