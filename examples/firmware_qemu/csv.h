/* A CSV file of the host as samples of a converter: a header line, then a column for each channel. */
#ifndef CSV_H
#define CSV_H

#include <stdint.h>

enum { CSV_ROW = 1, CSV_END = 0, CSV_ERROR = -1 };

/* Opens the only file there is and skips its first line; returns 0 or CSV_ERROR. */
int csv_open(const char *name);

/*
 * Reads a row into `samples`: each number divided by the channel's value of `lsb`, to the nearest count,
 * saturated as a converter does. Returns CSV_ROW, CSV_END, or CSV_ERROR if there are not `channels` numbers.
 */
int csv_read_row(const float *lsb, int channels, int16_t *samples);

#endif /* CSV_H */
