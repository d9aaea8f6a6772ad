/* A Modbus master on libmodbus, told by lines on standard input:
 *   7 holding 100 2        (unit, table, address, count)
 * Each line is answered with the registers or bits, such as "17096 26214", or with "error TEXT".
 * Usage: libmodbus_client tcp PORT | libmodbus_client rtu PATH BAUDRATE. Ends when standard input does. */
#include <errno.h>
#include <modbus/modbus.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv)
{
    modbus_t *context = NULL;
    if (argc == 3 && strcmp(argv[1], "tcp") == 0)
        context = modbus_new_tcp("127.0.0.1", atoi(argv[2]));
    else if (argc == 4 && strcmp(argv[1], "rtu") == 0)
        context = modbus_new_rtu(argv[2], atoi(argv[3]), 'N', 8, 1);
    if (context == NULL || modbus_connect(context) == -1) {
        fprintf(stderr, "%s\n", modbus_strerror(errno));
        return 1;
    }
    modbus_set_error_recovery(context, MODBUS_ERROR_RECOVERY_PROTOCOL);
    modbus_set_response_timeout(context, 2, 0);
    char line[256];
    while (fgets(line, sizeof line, stdin) != NULL) {
        int unit, address, count, got = -1;
        char table[16];
        uint16_t words[MODBUS_MAX_READ_REGISTERS];
        uint8_t bits[MODBUS_MAX_READ_BITS];
        if (sscanf(line, "%d %15s %d %d", &unit, table, &address, &count) != 4)
            return 2;
        int is_bits = strcmp(table, "coil") == 0 || strcmp(table, "discrete") == 0;
        modbus_set_slave(context, unit);
        if (strcmp(table, "coil") == 0)
            got = modbus_read_bits(context, address, count, bits);
        else if (strcmp(table, "discrete") == 0)
            got = modbus_read_input_bits(context, address, count, bits);
        else if (strcmp(table, "holding") == 0)
            got = modbus_read_registers(context, address, count, words);
        else
            got = modbus_read_input_registers(context, address, count, words);
        if (got == -1)
            printf("error %s", modbus_strerror(errno));
        for (int i = 0; i < got; i++)
            printf(i ? " %d" : "%d", is_bits ? bits[i] : words[i]);
        printf("\n");
        fflush(stdout);
    }
    return 0;
}
