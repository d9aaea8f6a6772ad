/* A Modbus TCP server on libmodbus with one address space per table, set by lines on standard input:
 *   holding 100 17096 26214
 * Each line is answered with "ok". Usage: libmodbus_server PORT, or libmodbus_server DEVICE UNIT for RTU on a serial
 * line. Ends when standard input does. */
#include <errno.h>
#include <modbus/modbus.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <unistd.h>

#define ADDRESSES 65536

static int set_line(modbus_mapping_t *map, char *line)
{
    char *table = strtok(line, " ");
    char *word = strtok(NULL, " ");
    if (table == NULL || word == NULL)
        return -1;
    int at = atoi(word);
    for (word = strtok(NULL, " "); word != NULL && at < ADDRESSES; word = strtok(NULL, " "), at++) {
        int value = atoi(word);
        if (strcmp(table, "holding") == 0)
            map->tab_registers[at] = (uint16_t)value;
        else if (strcmp(table, "input") == 0)
            map->tab_input_registers[at] = (uint16_t)value;
        else if (strcmp(table, "coil") == 0)
            map->tab_bits[at] = (uint8_t)value;
        else if (strcmp(table, "discrete") == 0)
            map->tab_input_bits[at] = (uint8_t)value;
        else
            return -1;
    }
    return 0;
}

static modbus_t *open_line(const char *device, int unit)
{
    modbus_t *context = modbus_new_rtu(device, 115200, 'N', 8, 1);
    if (context == NULL || modbus_set_slave(context, unit) == -1 || modbus_connect(context) == -1)
        return NULL;
    return context;
}

int main(int argc, char **argv)
{
    static char line[65536];
    size_t held = 0;
    int serial = argc > 2;
    modbus_t *context = serial ? open_line(argv[1], atoi(argv[2]))
                               : modbus_new_tcp("127.0.0.1", argc > 1 ? atoi(argv[1]) : 1502);
    modbus_mapping_t *map = modbus_mapping_new(ADDRESSES, ADDRESSES, ADDRESSES, ADDRESSES);
    int listener = -1;
    if (context != NULL)
        listener = serial ? modbus_get_socket(context) : modbus_tcp_listen(context, 16);
    if (map == NULL || listener == -1) {
        fprintf(stderr, "%s\n", modbus_strerror(errno));
        return 1;
    }
    fd_set watched;
    FD_ZERO(&watched);
    FD_SET(STDIN_FILENO, &watched);
    FD_SET(listener, &watched);
    int highest = listener;
    for (;;) {
        fd_set ready = watched;
        if (select(highest + 1, &ready, NULL, NULL, NULL) == -1)
            return 1;
        for (int file = 0; file <= highest; file++) {
            if (!FD_ISSET(file, &ready))
                continue;
            if (file == STDIN_FILENO) {
                ssize_t got = read(file, line + held, sizeof line - 1 - held);
                if (got <= 0)
                    return 0;
                held += (size_t)got;
                line[held] = '\0';
                char *end;
                while ((end = strchr(line, '\n')) != NULL) {
                    *end = '\0';
                    puts(set_line(map, line) == 0 ? "ok" : "error");
                    fflush(stdout);
                    held -= (size_t)(end + 1 - line);
                    memmove(line, end + 1, held + 1);
                }
            } else if (file == listener && !serial) {
                int client = modbus_tcp_accept(context, &listener);
                if (client != -1) {
                    FD_SET(client, &watched);
                    if (client > highest)
                        highest = client;
                }
            } else {
                uint8_t query[MODBUS_TCP_MAX_ADU_LENGTH];
                if (!serial)
                    modbus_set_socket(context, file);
                int got = modbus_receive(context, query);
                if (got > 0)
                    modbus_reply(context, query, got, map);
                else if (got == -1 && !serial) {
                    close(file);
                    FD_CLR(file, &watched);
                }
            }
        }
    }
}
