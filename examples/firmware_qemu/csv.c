#include "csv.h"

#include <stdbool.h>
#include <stddef.h>

#include "semihosting.h"

enum { END_OF_FILE = -1 };

/* The file, a piece at a time. */
static struct {
    char bytes[512];
    size_t size;
    size_t position;
    int handle;
} file;

static int peek(void)
{
    if (file.position == file.size) {
        file.size = semihosting_read(file.handle, file.bytes, sizeof file.bytes);
        file.position = 0;
    }
    return file.size == 0 ? END_OF_FILE : (unsigned char)file.bytes[file.position];
}

static bool accept(int c)
{
    if (peek() != c) {
        return false;
    }
    file.position++;
    return true;
}

/*
 * Appends digits to `number` while it has room, and counts in `dropped` those for which it has none.
 * Returns how many there were.
 */
static int read_digits(uint32_t *number, int *dropped)
{
    int count = 0;

    for (int c = peek(); c >= '0' && c <= '9'; c = peek()) {
        file.position++;
        count++;
        if (*number < 100000000u) { /* nine digits are more than a float can tell apart */
            *number = *number * 10u + (uint32_t)(c - '0');
        } else {
            (*dropped)++;
        }
    }
    return count;
}

/* A decimal number such as -12, 0.5 or 1e-3. */
static bool read_number(float *number)
{
    const bool negative = accept('-');
    uint32_t mantissa = 0;
    int exponent = 0; /* of ten; digits for which there is no room count here */
    int digits = read_digits(&mantissa, &exponent);
    float value;

    if (accept('.')) {
        int dropped = 0;
        const int decimals = read_digits(&mantissa, &dropped);

        digits += decimals;
        exponent -= decimals - dropped;
    }
    if (digits == 0) {
        return false;
    }
    if (accept('e') || accept('E')) {
        const bool down = accept('-');
        uint32_t power = 0;
        int dropped = 0;

        (void)(down || accept('+'));
        if (read_digits(&power, &dropped) == 0 || power > 99u) {
            return false;
        }
        exponent += down ? -(int)power : (int)power;
    }
    value = (float)mantissa;
    for (; exponent > 0; exponent--) {
        value *= 10.0f;
    }
    for (; exponent < 0; exponent++) {
        value /= 10.0f;
    }
    *number = negative ? -value : value;
    return true;
}

static int16_t to_count(float value, float lsb)
{
    const float counts = value / lsb;

    if (counts >= (float)INT16_MAX) {
        return INT16_MAX;
    }
    if (counts <= (float)INT16_MIN) {
        return INT16_MIN;
    }
    return (int16_t)(counts < 0.0f ? counts - 0.5f : counts + 0.5f);
}

int csv_open(const char *name)
{
    int c;

    file.handle = semihosting_open(name, SEMIHOSTING_READ);
    if (file.handle < 0) {
        return CSV_ERROR;
    }
    do {
        c = peek();
        file.position += c == END_OF_FILE ? 0 : 1;
    } while (c != '\n' && c != END_OF_FILE);
    return 0;
}

int csv_read_row(const float *lsb, int channels, int16_t *samples)
{
    if (peek() == END_OF_FILE) {
        return CSV_END;
    }
    for (int channel = 0; channel < channels; channel++) {
        float value;

        if ((channel > 0 && !accept(',')) || !read_number(&value)) {
            return CSV_ERROR;
        }
        samples[channel] = to_count(value, lsb[channel]);
    }
    (void)accept('\r');
    return accept('\n') || peek() == END_OF_FILE ? CSV_ROW : CSV_ERROR;
}
