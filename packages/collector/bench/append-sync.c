/* The floor under the JSONL bench: appends blocks of 1 MiB to a file, each followed by fdatasync.
 * append-sync FILE BLOCKS prints the nanoseconds it took. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { BLOCK_BYTES = 1024 * 1024 };

int main(int argc, char **argv) {
  if (argc != 3) return 2;
  long blocks = atol(argv[2]);
  char *block = malloc(BLOCK_BYTES);
  int fd = open(argv[1], O_WRONLY | O_CREAT | O_TRUNC, 0640);
  if (fd < 0 || block == NULL) return 1;
  memset(block, 'x', BLOCK_BYTES);
  struct timespec from, to;
  clock_gettime(CLOCK_MONOTONIC, &from);
  for (long at = 0; at < blocks; at++) {
    if (write(fd, block, BLOCK_BYTES) != BLOCK_BYTES) return 1;
    if (fdatasync(fd) != 0) return 1;
  }
  clock_gettime(CLOCK_MONOTONIC, &to);
  printf("%ld\n", (to.tv_sec - from.tv_sec) * 1000000000L + to.tv_nsec - from.tv_nsec);
  return 0;
}
