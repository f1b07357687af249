/* The first UART of the board: a terminal of the fast model. */
#ifndef UART_H
#define UART_H

void uart_start(void);
void uart_write(char character);

#endif /* UART_H */
