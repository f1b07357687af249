/*
 * Replays a CSV of sensor samples as if a converter delivered them, and prints a line for each window:
 * how many rows had been read, and the name of the class. The file's name is the command line.
 *
 * Exit code: 0; 1 the file cannot be read; 2 the model gives no label; 3 a fault (startup.c).
 */
#include <stddef.h>
#include <stdint.h>

#include "csv.h"
#include "exercise_stream.h"
#include "semihosting.h"

enum { EXIT_DONE = 0, EXIT_FILE = 1, EXIT_MODEL = 2 };

static const float lsb[EXERCISE_SAMPLE_CHANNELS] = EXERCISE_LSB_OF_CHANNELS;
static const char *const class_names[EXERCISE_CLASSES] = EXERCISE_NAMES_OF_CLASSES;

static exercise_stream_t stream;
static int console;

static void print(const char *text)
{
    size_t size = 0;

    while (text[size] != '\0') {
        size++;
    }
    semihosting_write(console, text, size);
}

static void print_number(uint32_t number)
{
    char digits[11];
    char *first = &digits[sizeof digits - 1];

    *first = '\0';
    do {
        first--;
        *first = (char)('0' + number % 10u);
        number /= 10u;
    } while (number > 0);
    print(first);
}

static int fail(int code, const char *message, uint32_t row)
{
    print("error: ");
    print(message);
    print(", row ");
    print_number(row);
    print("\n");
    return code;
}

int main(void)
{
    static char name[512];
    int16_t samples[EXERCISE_SAMPLE_CHANNELS];
    uint32_t row = 0;
    int status;

    console = semihosting_open(":tt", SEMIHOSTING_WRITE);
    if (semihosting_command_line(name, sizeof name) != 0 || csv_open(name) != 0) {
        return fail(EXIT_FILE, "the CSV cannot be opened", row);
    }
    (void)exercise_stream_init(&stream);
    print("row,label\n");
    while ((status = csv_read_row(lsb, EXERCISE_SAMPLE_CHANNELS, samples)) == CSV_ROW) {
        /* one row, as of an interrupt; a DMA buffer of up to EXERCISE_HOP rows works as well */
        const int label = exercise_push(&stream, samples, 1);

        row++;
        if (label == EXERCISE_PENDING) {
            continue;
        }
        if (label < 0 && label != EXERCISE_UNDECIDED) {
            return fail(EXIT_MODEL, "the model gives no label", row);
        }
        print_number(row);
        print(",");
        print(label < 0 ? "undecided" : class_names[label]);
        print("\n");
    }
    if (status == CSV_ERROR) {
        return fail(EXIT_FILE, "there must be a number for each channel", row + 1);
    }
    return EXIT_DONE;
}
