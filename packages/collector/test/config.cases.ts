/** Broken collector.yaml files and, word for word, what is said about them. Read by config.test.ts. */

export interface BrokenCase {
  name: string;
  text: string;
  /** One line a fault, in this order. */
  says: string[];
}

/** The environment they are read in. */
export const ENV = { EMPTY: '', PORT: '7440', URL: 'http://ingest:7440', WORD: 'yes', INJECT: '1\nack: memory' };

export const BROKEN: BrokenCase[] = [
  {
    name: 'a mistyped key',
    text: 'lisen: 127.0.0.1:7440\n',
    says: ['collector.yaml:1:1 lisen: unknown key — did you mean "listen"?'],
  },
  {
    name: 'a mistyped key without a value',
    text: 'journal:\n  max_byte:\n',
    says: ['collector.yaml:2:3 journal.max_byte: unknown key — did you mean "max_bytes"?'],
  },
  {
    name: 'a key in the wrong place',
    text: 'segment: 1GiB\n',
    says: ['collector.yaml:1:1 segment: unknown key — did you mean "journal.segment"?'],
  },
  {
    name: 'a key nobody knows',
    text: 'limits:\n  colour: red\n',
    says: [
      'collector.yaml:2:3 limits.colour: unknown key — expected one of connections, clients, head, body, decompressed, decompression_ratio, series_per_batch, requests_per_connection, pipelined, head_timeout, body_timeout, body_rate, idle_timeout, per_address, per_client',
    ],
  },
  {
    name: 'a key in another spelling',
    text: 'stateDir: /tmp/x\n',
    says: ['collector.yaml:1:1 stateDir: unknown key — did you mean "state_dir"?'],
  },
  {
    name: 'a map where a word is expected',
    text: 'auth:\n  tokens_file: /etc/t\n',
    says: ['collector.yaml:2:3 auth: is a map of options — expected none, tokens, certificate or either'],
  },
  {
    name: 'a prototype as a key',
    text: '__proto__:\n  polluted: 1\n',
    says: [
      'collector.yaml:1:1 __proto__: unknown key — expected one of listen, tls, auth, tokens_file, admin, state_dir, workers, ack, journal, limits, sinks, forward, log',
    ],
  },
  {
    name: 'an option given twice',
    text: 'workers: 1\nack: journal\nworkers: 2\n',
    says: ['collector.yaml:3:1 workers: is given twice, first on line 1 — expected each option once'],
  },
  {
    name: 'a list as the whole file',
    text: '- listen\n- admin\n',
    says: ['collector.yaml:1:1: is not a map — expected options, one per line, as "key: value"'],
  },
  {
    name: 'text as the whole file',
    text: 'just some words\n',
    says: ['collector.yaml:1:1: is not a map — expected options, one per line, as "key: value"'],
  },
  {
    name: 'a list where a map belongs',
    text: 'limits: [1, 2]\n',
    says: ['collector.yaml:1:9 limits: is a list — expected a map of options'],
  },
  {
    name: 'text where a map belongs',
    text: 'sinks:\n  jsonl: yes please\n',
    says: ['collector.yaml:2:10 sinks.jsonl: is "yes please" — expected a map of options'],
  },
  {
    name: 'a map where a value belongs',
    text: 'listen:\n  host: 127.0.0.1\n',
    says: [
      'collector.yaml:2:3 listen: is a map of options — expected an address and a port, such as 127.0.0.1:7440 or [::]:7440',
    ],
  },
  {
    name: 'a port alone',
    text: 'listen: 7440\n',
    says: ['collector.yaml:1:9 listen: is 7440 — expected an address and a port, such as 127.0.0.1:7440 or [::]:7440'],
  },
  {
    name: 'an address without a port',
    text: 'listen: 127.0.0.1\n',
    says: [
      'collector.yaml:1:9 listen: "127.0.0.1" has no port — expected an address and a port, such as 127.0.0.1:7440 or [::]:7440',
    ],
  },
  {
    name: 'a port without an address',
    text: 'listen: :7440\n',
    says: [
      'collector.yaml:1:9 listen: ":7440" has no address (0.0.0.0 is every IPv4 interface) — expected an address and a port, such as 127.0.0.1:7440 or [::]:7440',
    ],
  },
  {
    name: 'an IPv6 address without brackets',
    text: 'listen: ::1:7440\n',
    says: [
      'collector.yaml:1:9 listen: "::1:7440" is an IPv6 address without [ ] or without a port — expected an address and a port, such as 127.0.0.1:7440 or [::]:7440',
    ],
  },
  {
    name: 'a port above 65535',
    text: 'admin:\n  listen: 127.0.0.1:70000\n',
    says: [
      'collector.yaml:2:11 admin.listen: "70000" is not a port from 0 to 65535 — expected an address and a port, such as 127.0.0.1:7440 or [::]:7440',
    ],
  },
  {
    name: 'an impossible address',
    text: 'listen: 300.1.1.1:7440\n',
    says: [
      'collector.yaml:1:9 listen: "300.1.1.1" is no address or host name — expected an address and a port, such as 127.0.0.1:7440 or [::]:7440',
    ],
  },
  {
    name: 'two listeners on one port',
    text: 'listen: 127.0.0.1:7000\nadmin:\n  listen: 127.0.0.1:7000\n',
    says: ['collector.yaml:3:11 admin.listen: has the port of listen, 7000 — expected another port'],
  },
  {
    name: 'too many workers',
    text: 'workers: 65\n',
    says: ['collector.yaml:1:10 workers: 65 is too large — expected auto or a whole number from 1 to 64'],
  },
  {
    name: 'half a worker',
    text: 'workers: 1.5\n',
    says: ['collector.yaml:1:10 workers: is 1.5 — expected auto or a whole number from 1 to 64'],
  },
  {
    name: 'a word for workers',
    text: 'workers: many\n',
    says: ['collector.yaml:1:10 workers: is "many" — expected auto or a whole number from 1 to 64'],
  },
  {
    name: 'a reserved ack',
    text: 'ack: forwarded\n',
    says: ['collector.yaml:1:6 ack: forwarded is reserved for a later version — expected journal or memory'],
  },
  {
    name: 'a mistyped ack',
    text: 'ack: jurnal\n',
    says: ['collector.yaml:1:6 ack: is "jurnal" — expected journal or memory; did you mean "journal"?'],
  },
  {
    name: 'an unknown size unit',
    text: 'journal:\n  segment: 64mb\n',
    says: [
      'collector.yaml:2:12 journal.segment: "64mb" has an unknown unit "mb" (MiB or MB?) — expected a size such as 512KiB, 16MiB or 1GB',
    ],
  },
  {
    name: 'a size that is no size',
    text: 'limits:\n  body: big\n',
    says: ['collector.yaml:2:9 limits.body: "big" is not a size — expected a size such as 512KiB, 16MiB or 1GB'],
  },
  {
    name: 'a size below its minimum',
    text: 'sinks:\n  jsonl:\n    rotate: 100KiB\n',
    says: ['collector.yaml:3:13 sinks.jsonl.rotate: 100KiB is too small — expected a size from 1MiB to 16GiB'],
  },
  {
    name: 'a fraction of a byte',
    text: 'limits:\n  head: 0.3B\n',
    says: [
      'collector.yaml:2:9 limits.head: 0.3B is not a whole number of bytes — expected a size such as 512KiB, 16MiB or 1GB',
    ],
  },
  {
    name: 'a duration without a unit',
    text: 'limits:\n  head_timeout: 10\n',
    says: [
      'collector.yaml:2:17 limits.head_timeout: 10 has no unit — expected a duration such as 250ms, 10s, 1h30m or 7d',
    ],
  },
  {
    name: 'a duration with its parts in the wrong order',
    text: 'limits:\n  body_timeout: 30s1m\n',
    says: [
      'collector.yaml:2:17 limits.body_timeout: "30s1m" must go from the largest unit to the smallest — expected a duration such as 250ms, 10s, 1h30m or 7d',
    ],
  },
  {
    name: 'a duration that is too long',
    text: 'limits:\n  body_timeout: 2h\n',
    says: ['collector.yaml:2:17 limits.body_timeout: 2h is too large — expected a duration from 100ms to 10m'],
  },
  {
    name: 'a rate without a period',
    text: 'limits:\n  per_client:\n    requests: 100\n',
    says: [
      'collector.yaml:3:15 limits.per_client.requests: "100" does not say per what — expected a rate such as 20/s or 600/m, or unlimited',
    ],
  },
  {
    name: 'a rate per fortnight',
    text: 'limits:\n  per_client:\n    points: 5/fortnight\n',
    says: [
      'collector.yaml:3:13 limits.per_client.points: "5/fortnight" is per "fortnight" — expected a rate such as 20/s or 600/m (s, m or h), or unlimited',
    ],
  },
  {
    name: 'a byte rate without its unit',
    text: 'limits:\n  per_client:\n    bytes: fast/s\n',
    says: [
      'collector.yaml:3:12 limits.per_client.bytes: "fast" is not a size — expected a rate such as 16MiB/s, or unlimited',
    ],
  },
  {
    name: 'a YAML 1.1 boolean',
    text: 'sinks:\n  jsonl:\n    enabled: yes\n',
    says: ['collector.yaml:3:14 sinks.jsonl.enabled: is "yes" — expected true or false'],
  },
  {
    name: 'a ring smaller than four batches',
    text: 'limits:\n  decompressed: 16MiB\n',
    says: [
      'collector.yaml:2:17 journal.ring: 32MiB is too small for batches of 16MiB (limits.decompressed) — expected at least 128MiB, or a smaller limits.decompressed',
    ],
  },
  {
    name: 'a ring that is no power of two',
    text: 'journal:\n  ring: 48MiB\n',
    says: ['collector.yaml:2:9 journal.ring: 48MiB is not a power of two — expected 32MiB or 64MiB'],
  },
  {
    name: 'a body larger than what it may become',
    text: 'limits:\n  body: 8MiB\n',
    says: [
      'collector.yaml:2:9 limits.body: 8MiB is more than limits.decompressed, 4MiB — expected at most that: a body can also come uncompressed',
    ],
  },
  {
    name: 'a journal of less than four segments',
    text: 'journal:\n  max_bytes: 128MiB\n',
    says: [
      'collector.yaml:2:14 journal.max_bytes: 128MiB is less than 4 segments of 64MiB — expected at least 256MiB, or a smaller journal.segment',
    ],
  },
  {
    name: 'segments that hold no batch',
    text: 'journal:\n  segment: 1MiB\n',
    says: [
      'collector.yaml:2:12 journal.segment: 1MiB does not hold a batch of 4MiB (limits.decompressed) — expected more than limits.decompressed',
    ],
  },
];
