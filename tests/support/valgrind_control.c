/* The control of the tests under valgrind: each argument is a mistake that it must find. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv)
{
    volatile unsigned char *memory = malloc(16);
    if (argc != 2 || memory == NULL) {
        return 2;
    }
    if (strcmp(argv[1], "leak") == 0) {
        memory = NULL;
    } else if (strcmp(argv[1], "undefined") == 0) {
        puts(memory[3] > 7 ? "more" : "less");
        free((void *)memory);
    } else {
        free((void *)memory);
        printf("%d\n", memory[3]);
    }
    return 0;
}
