/** Broken agent.yaml files and, word for word, what is said about them. Read by config.test.ts. */

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
    name: 'no url',
    text: 'host: web-1\n',
    says: ['agent.yaml:1:1 collector.url: is required — expected a URL such as http://ingest.example:7440'],
  },
  {
    name: 'an empty file',
    text: '',
    says: ['agent.yaml:1:1 collector.url: is required — expected a URL such as http://ingest.example:7440'],
  },
  {
    name: 'only comments',
    text: '# nothing\n',
    says: ['agent.yaml:1:1 collector.url: is required — expected a URL such as http://ingest.example:7440'],
  },
  {
    name: 'a collector section with nothing in it',
    text: 'collector:\n',
    says: ['agent.yaml:1:1 collector.url: is required — expected a URL such as http://ingest.example:7440'],
  },
  {
    name: 'a url that is none',
    text: 'collector:\n  url: ingest\n',
    says: ['agent.yaml:2:8 collector.url: is "ingest", no URL — expected a URL such as http://ingest.example:7440'],
  },
  {
    name: 'a url of another scheme',
    text: 'collector:\n  url: ftp://ingest:7440\n',
    says: [
      'agent.yaml:2:8 collector.url: begins with ftp:, not http: or https: — expected a URL such as http://ingest.example:7440',
    ],
  },
  {
    name: 'a url with a password',
    text: 'collector:\n  url: http://user:hunter2@ingest:7440\n',
    says: [
      'agent.yaml:2:8 collector.url: has a user name or password in it — expected a URL such as http://ingest.example:7440',
    ],
  },
  {
    name: 'a url with a query',
    text: 'collector:\n  url: http://ingest:7440/?token=1\n',
    says: ['agent.yaml:2:8 collector.url: has a ? or # part — expected a URL such as http://ingest.example:7440'],
  },
  {
    name: 'a mistyped compression',
    text: 'collector:\n  url: http://ingest:7440\n  compression: gz\n',
    says: ['agent.yaml:3:16 collector.compression: is "gz" — expected gzip, zstd or none; did you mean "gzip"?'],
  },
  {
    name: 'a mistyped interval',
    text: 'collector:\n  url: http://ingest:7440\ncollection:\n  intervall: 5s\n',
    says: ['agent.yaml:4:3 collection.intervall: unknown key — did you mean "interval"?'],
  },
  {
    name: 'an option in the wrong section',
    text: 'collector:\n  url: http://ingest:7440\nbatch:\n  interval: 5s\n',
    says: ['agent.yaml:4:3 batch.interval: unknown key — did you mean "collection.interval"?'],
  },
  {
    name: 'a client_id with a blank',
    text: 'client_id: my host\ncollector:\n  url: http://ingest:7440\n',
    says: [
      'agent.yaml:1:12 client_id: is "my host" — expected 1 to 128 letters, digits, . _ : or -, or nothing to have one made',
    ],
  },
  {
    name: 'a client_id that is too long',
    text: 'client_id: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\ncollector:\n  url: http://ingest:7440\n',
    says: ['agent.yaml:1:12 client_id: has 129 characters — expected at most 128'],
  },
  {
    name: 'a client_id that collectors use',
    text: 'client_id: jsonl:x\ncollector:\n  url: http://ingest:7440\n',
    says: [
      'agent.yaml:1:12 client_id: begins with jsonl:, which collectors use themselves — expected 1 to 128 letters, digits, . _ : or -, or nothing to have one made',
    ],
  },
  {
    name: 'a tag that is a number',
    text: 'collector:\n  url: http://ingest:7440\ntags:\n  rack: 1.10\n',
    says: [
      'agent.yaml:4:9 tags.rack: 1.1 is read as a number — expected text without control characters: put it in quotes',
    ],
  },
  {
    name: 'a tag that metrics use',
    text: 'collector:\n  url: http://ingest:7440\ntags:\n  host: a\n',
    says: ['agent.yaml:4:9 tags.host: is a name that metrics already use — expected another name'],
  },
  {
    name: 'a tag with a bad name',
    text: 'collector:\n  url: http://ingest:7440\ntags:\n  my tag: a\n',
    says: [
      'agent.yaml:4:11 tags."my tag": is no tag name — expected letters, digits and _, beginning with a letter, at most 64',
    ],
  },
  {
    name: 'nine tags',
    text: 'collector:\n  url: http://ingest:7440\ntags: {a: x, b: x, c: x, d: x, e: x, f: x, g: x, h: x, i: x}\n',
    says: ['agent.yaml:3:7 tags: has 9 tags — expected at most 8'],
  },
  {
    name: 'a group that is a number',
    text: 'collector:\n  url: http://ingest:7440\ncollection:\n  groups:\n    cpu: 4\n',
    says: ['agent.yaml:5:10 collection.groups.cpu: is 4 — expected true, false, or a map of options'],
  },
  {
    name: 'an option a group does not have',
    text: 'collector:\n  url: http://ingest:7440\ncollection:\n  groups:\n    cpu: {per_cpu: true}\n',
    says: ['agent.yaml:5:11 collection.groups.cpu.per_cpu: unknown key — expected one of per_core'],
  },
  {
    name: 'options for a group without any',
    text: 'collector:\n  url: http://ingest:7440\ncollection:\n  groups:\n    mem: {detail: true}\n',
    says: ['agent.yaml:5:10 collection.groups.mem: is a map of options — expected true or false'],
  },
  {
    name: 'a pattern that is no list',
    text: 'collector:\n  url: http://ingest:7440\ncollection:\n  groups:\n    net: {interfaces: eth0}\n',
    says: [
      'agent.yaml:5:23 collection.groups.net.interfaces: is not a list — expected a list of interface names, such as ["*", "!lo"], at most 64',
    ],
  },
  {
    name: 'a pattern that is a number',
    text: 'collector:\n  url: http://ingest:7440\ncollection:\n  groups:\n    diskio: {devices: [sda, 1]}\n',
    says: [
      'agent.yaml:5:23 collection.groups.diskio.devices: 1 is no name or pattern — expected a list of device names, such as ["*", "!lo"], at most 64',
    ],
  },
  {
    name: 'half a name',
    text: 'collector:\n  url: http://ingest:7440\ncollection:\n  source: proc\n',
    says: [
      'agent.yaml:4:11 collection.source: is "proc" — expected auto, procfs or systeminformation; did you mean "procfs"?',
    ],
  },
  {
    name: 'jitter as long as the interval',
    text: 'collector:\n  url: http://ingest:7440\ncollection:\n  interval: 1s\n  jitter: 1s\n',
    says: [
      'agent.yaml:5:11 collection.jitter: 1s does not fit into collection.interval, 1s — expected less than the interval, or auto',
    ],
  },
  {
    name: 'a timeout longer than the interval',
    text: 'collector:\n  url: http://ingest:7440\ncollection:\n  timeout: 11s\n',
    says: [
      'agent.yaml:4:12 collection.timeout: 11s does not fit into collection.interval, 10s — expected at most the interval, or auto',
    ],
  },
  {
    name: 'retries that shrink',
    text: 'collector:\n  url: http://ingest:7440\nretry:\n  initial: 2m\n',
    says: ['agent.yaml:4:12 retry.max: 1m is less than retry.initial, 2m — expected at least that'],
  },
  {
    name: 'a spool of nothing',
    text: 'collector:\n  url: http://ingest:7440\nspool:\n  max_bytes: 0\n',
    says: ['agent.yaml:4:14 spool.max_bytes: 0 is too small — expected a size from 1MiB to 1TiB'],
  },
  {
    name: 'a url from an empty variable',
    text: 'collector:\n  url: ${EMPTY}\n',
    says: ['agent.yaml:2:8 collector.url: is required — expected a URL such as http://ingest.example:7440'],
  },
];
