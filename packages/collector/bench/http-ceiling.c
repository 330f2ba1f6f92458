/* The least a server can do per request on this kernel: epoll, one read, a scan for Content-Length, one write of a
 * constant answer. No limits, no checks, no timeouts. Prints its port; the bench `http` measures its CPU. */
#define _GNU_SOURCE
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONNECTIONS_MAX 8192
#define BUFFER_BYTES 65536

static char buffers[CONNECTIONS_MAX][BUFFER_BYTES];
static int lengths[CONNECTIONS_MAX];
static const char ANSWER[] = "HTTP/1.1 204 No Content\r\n\r\n";

static void accept_one(int epoll, int listener) {
  int one = 1, fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
  if (fd < 0) return;
  if (fd >= CONNECTIONS_MAX) { close(fd); return; }
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  lengths[fd] = 0;
  struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
  epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
}

static void serve(int fd) {
  char *buffer = buffers[fd];
  ssize_t got = read(fd, buffer + lengths[fd], BUFFER_BYTES - lengths[fd]);
  if (got <= 0) { close(fd); return; }
  int held = lengths[fd] + (int)got, at = 0;
  for (;;) {
    char *head = buffer + at, *end = memmem(head, held - at, "\r\n\r\n", 4);
    if (!end) break;
    int body = 0;
    for (char *line = head; line < end;) {
      char *next = memchr(line, '\n', end + 2 - line);
      if (!next) break;
      if (!strncasecmp(line, "content-length:", 15)) body = atoi(line + 15);
      line = next + 1;
    }
    int length = (int)(end + 4 - head) + body;
    if (held - at < length) break;
    at += length;
    if (write(fd, ANSWER, sizeof ANSWER - 1) < 0) break;
  }
  lengths[fd] = held - at;
  if (at > 0 && lengths[fd] > 0) memmove(buffer, buffer + at, lengths[fd]);
}

int main(void) {
  int listener = socket(AF_INET, SOCK_STREAM, 0), epoll = epoll_create1(0);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof address;
  if (bind(listener, (struct sockaddr *)&address, size) || listen(listener, 1024)) return 1;
  getsockname(listener, (struct sockaddr *)&address, &size);
  printf("%d\n", ntohs(address.sin_port));
  fflush(stdout);
  struct epoll_event event = {.events = EPOLLIN, .data.fd = listener}, ready[256];
  epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event);
  for (;;) {
    int count = epoll_wait(epoll, ready, 256, -1);
    for (int i = 0; i < count; i++) {
      if (ready[i].data.fd == listener) accept_one(epoll, listener);
      else serve(ready[i].data.fd);
    }
  }
}
