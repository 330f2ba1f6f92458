/*
 * The load generator of the benches: one thread, epoll, keep-alive connections, each with its own client and seq, so
 * that every request is a new batch. Closed loop: a connection sends again when it is answered. Open loop: requests
 * are due at even times, whatever the server does, and latency counts from when one was due.
 *
 *   load REQUESTS HOST PORT CONNECTIONS RATE SECONDS WARMUP_SECONDS      RATE 0 is the closed loop
 *
 * REQUESTS holds, per connection: u32 length, u32 offset of the seq (a 4-byte varint), then the request's bytes.
 * Prints one JSON object. Answers other than 2xx are counted, not timed.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

typedef struct {
  int fd, busy;
  uint32_t length, seq_at, seq, sent;
  char *request;
  char answer[8192];
  uint32_t answered;
  double due;
} Connection;

static Connection *connections;
static int count;
static double *latencies;
static uint64_t taken, latencies_max, ok, other, lost, late_max;

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec / 1e9;
}

static void die(const char *what) {
  perror(what);
  exit(1);
}

static void flush_request(Connection *c) {
  while (c->sent < c->length) {
    ssize_t n = write(c->fd, c->request + c->sent, c->length - c->sent);
    if (n < 0) {
      if (errno == EAGAIN) return;
      die("write");
    }
    c->sent += n;
  }
}

static void send_next(Connection *c, double due) {
  unsigned char *at = (unsigned char *)c->request + c->seq_at;
  uint32_t seq = c->seq++;
  at[0] = (seq & 127) | 128;
  at[1] = ((seq >> 7) & 127) | 128;
  at[2] = ((seq >> 14) & 127) | 128;
  at[3] = (seq >> 21) & 127;
  c->busy = 1;
  c->sent = 0;
  c->due = due;
  flush_request(c);
}

/* Returns 1 when a whole answer has come. */
static int read_answer(Connection *c, int *status) {
  ssize_t n = read(c->fd, c->answer + c->answered, sizeof c->answer - 1 - c->answered);
  if (n == 0) {
    fprintf(stderr, "the server closed a connection\n");
    exit(1);
  }
  if (n < 0) {
    if (errno == EAGAIN) return 0;
    die("read");
  }
  c->answered += n;
  c->answer[c->answered] = 0;
  char *end = strstr(c->answer, "\r\n\r\n");
  if (!end) return 0;
  char *length = strcasestr(c->answer, "\r\ncontent-length:");
  uint32_t whole = end + 4 - c->answer + (length && length < end ? atoi(length + 17) : 0);
  if (c->answered < whole) return 0;
  *status = atoi(c->answer + 9);
  c->answered = 0;
  return 1;
}

static void load_requests(const char *path) {
  FILE *file = fopen(path, "rb");
  if (!file) die(path);
  for (int i = 0; i < count; i++) {
    uint32_t head[2];
    if (fread(head, 4, 2, file) != 2) die("requests");
    connections[i].length = head[0];
    connections[i].seq_at = head[1];
    connections[i].request = malloc(head[0]);
    if (fread(connections[i].request, 1, head[0], file) != head[0]) die("requests");
    unsigned char *at = (unsigned char *)connections[i].request + head[1];
    connections[i].seq = (at[0] & 127) | (at[1] & 127) << 7 | (at[2] & 127) << 14 | at[3] << 21;
  }
  fclose(file);
}

static void connect_all(const char *host, int port, int poll) {
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
  inet_pton(AF_INET, host, &to.sin_addr);
  for (int i = 0; i < count; i++) {
    Connection *c = &connections[i];
    c->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(c->fd, (struct sockaddr *)&to, sizeof to) < 0) die("connect");
    int one = 1;
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    fcntl(c->fd, F_SETFL, O_NONBLOCK);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
    epoll_ctl(poll, EPOLL_CTL_ADD, c->fd, &event);
  }
}

static int ascending(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return x < y ? -1 : x > y;
}

static double at_share(double share) { return taken ? latencies[(uint64_t)((taken - 1) * share)] * 1e3 : 0; }

static void report(double seconds) {
  double sum = 0;
  for (uint64_t i = 0; i < taken; i++) sum += latencies[i];
  qsort(latencies, taken, sizeof *latencies, ascending);
  printf("{\"ok\":%lu,\"other\":%lu,\"unanswered\":%lu,\"seconds\":%.3f,\"perSecond\":%.0f,\"meanMs\":%.4f,"
         "\"p50Ms\":%.4f,\"p99Ms\":%.4f,\"p999Ms\":%.4f,\"maxMs\":%.4f,\"waitedMax\":%lu}\n",
         ok, other, lost, seconds, ok / seconds, taken ? sum / taken * 1e3 : 0, at_share(0.5), at_share(0.99),
         at_share(0.999), at_share(1), late_max);
}

int main(int argc, char **argv) {
  if (argc != 8) return 2;
  count = atoi(argv[4]);
  double rate = atof(argv[5]), seconds = atof(argv[6]), warmup = atof(argv[7]);
  connections = calloc(count, sizeof *connections);
  latencies_max = rate > 0 ? rate * seconds + 1000 : 20e6;
  latencies = malloc(latencies_max * sizeof *latencies);
  prctl(PR_SET_TIMERSLACK, 1);
  load_requests(argv[1]);
  int poll = epoll_create1(0);
  connect_all(argv[2], atoi(argv[3]), poll);

  double begin = now(), timed = begin + warmup, end = timed + seconds;
  uint64_t due = 0, waiting = 0;
  int turn = 0;
  double t = begin;
  if (rate == 0)
    for (int i = 0; i < count; i++) send_next(&connections[i], t);
  while (t < end) {
    struct timespec wait = {0, 20000000};
    if (rate > 0) {
      for (; begin + due / rate <= t; due++) waiting++;
      if (waiting > late_max && t > timed) late_max = waiting;
      for (int tried = 0; waiting > 0 && tried < count; tried++, turn = (turn + 1) % count)
        if (!connections[turn].busy) send_next(&connections[turn], begin + (due - waiting--) / rate);
      double left = begin + due / rate - t;
      wait.tv_nsec = waiting > 0 ? 200000 : left > 0 ? left * 1e9 : 0;
    }
    struct epoll_event events[128];
    int ready = epoll_pwait2(poll, events, 128, &wait, NULL);
    t = now();
    for (int i = 0; i < ready; i++) {
      Connection *c = events[i].data.ptr;
      int status = 0;
      flush_request(c);
      if (!read_answer(c, &status)) continue;
      double answered = now();
      c->busy = 0;
      if (c->due >= timed) {
        if (status / 100 == 2) ok++;
        else other++;
        if (status / 100 == 2 && taken < latencies_max) latencies[taken++] = answered - c->due;
      }
      if (rate == 0) send_next(c, answered);
    }
    t = now();
  }
  for (int i = 0; i < count; i++) lost += connections[i].busy;
  report(seconds);
  return 0;
}
