/* gnuplot.h: pictures, drawn by the program gnuplot. */
#ifndef GNUPLOT_H
#define GNUPLOT_H

/* The SVG document that gnuplot writes for a script (allocated). NULL: this machine has no gnuplot.
 * A script that gnuplot refuses is die(). */
char *gnuplot_run(const char *script);

#endif
