/** Broken collector.yaml files, second part: YAML itself, variables, several mistakes together. */
import type { BrokenCase } from './config.cases.ts';

export const BROKEN_TEXT: BrokenCase[] = [
  {
    name: 'a tab for indentation',
    text: 'admin:\n\tlisten: 127.0.0.1:7441\n',
    says: ['collector.yaml:2:1: a tab is used for indentation — expected spaces'],
  },
  {
    name: 'a quote that is not closed',
    text: 'listen: "127.0.0.1:7440\n',
    says: ['collector.yaml:2:1: not YAML: Missing closing "quote'],
  },
  {
    name: 'a colon inside a bare value',
    text: 'state_dir: C: drive\n',
    says: [
      'collector.yaml:1:12: a value contains ": " — expected quotes around it, or the inner option on its own line',
    ],
  },
  {
    name: 'a bare reference inside braces',
    text: 'admin: {listen: ${ADMIN}}\n',
    says: [
      'collector.yaml:1:18: not YAML: Unexpected flow-map-start at node end — expected quotes around a value with ${…}',
    ],
  },
  {
    name: 'a second document',
    text: 'workers: 1\n---\nworkers: 2\n',
    says: ['collector.yaml:2:1: a second YAML document begins here — expected one document per file'],
  },
  {
    name: 'an old YAML version',
    text: '%YAML 1.1\n---\nworkers: 1\n',
    says: ['collector.yaml:1:1: is YAML 1.1 — expected YAML 1.2'],
  },
  {
    name: 'an unknown tag',
    text: 'workers: !env WORKERS\n',
    says: ['collector.yaml:1:10: not YAML: Unresolved tag: !env'],
  },
  {
    name: 'an alias without an anchor',
    text: 'listen: *address\n',
    says: [
      'collector.yaml:1:9 listen: there is no anchor &address before this — expected an alias to an earlier anchor',
    ],
  },
  {
    name: 'a list as a key',
    text: '? [a, b]\n: 1\n',
    says: ['collector.yaml:1:3: a key is not plain text — expected options, one per line, as "key: value"'],
  },
  {
    name: 'a variable that is not set',
    text: 'listen: 127.0.0.1:${NOPE}\n',
    says: [
      'collector.yaml:1:9 listen: the environment variable NOPE is not set — expected it to be set, or ${NOPE:-default}',
    ],
  },
  {
    name: 'a variable with its own message',
    text: 'state_dir: ${NOPE:?set it in /etc/default}\n',
    says: [
      'collector.yaml:1:12 state_dir: NOPE: set it in /etc/default — expected the environment variable NOPE to be set',
    ],
  },
  {
    name: 'an empty variable with a message',
    text: 'state_dir: ${EMPTY:?}\n',
    says: ['collector.yaml:1:12 state_dir: EMPTY is not set — expected the environment variable EMPTY to be set'],
  },
  {
    name: 'a reference without an end',
    text: 'state_dir: ${NOPE\n',
    says: [
      'collector.yaml:1:12 state_dir: a ${ has no } after it — expected one of ${VAR}, ${VAR:-default}, ${VAR:?message}, or $${ for a literal ${',
    ],
  },
  {
    name: 'a reference in another shell form',
    text: 'state_dir: ${NOPE-x}\n',
    says: [
      'collector.yaml:1:12 state_dir: ${NOPE-x} is no reference — expected one of ${VAR}, ${VAR:-default}, ${VAR:?message}, or $${ for a literal ${',
    ],
  },
  {
    name: 'a reference inside a reference',
    text: 'state_dir: ${NOPE:-${EMPTY}}\n',
    says: ['collector.yaml:1:12 state_dir: a reference stands inside another — expected a default without ${'],
  },
  {
    name: 'a variable that would inject an option',
    text: 'workers: ${INJECT}\n',
    says: ['collector.yaml:1:10 workers: is "1\\nack: memory" — expected auto or a whole number from 1 to 64'],
  },
  {
    name: 'a syntax error among other mistakes',
    text: 'ack: forwarded\nworkers: 0\njurnal:\n  ring: 1MiB\nlimits:\n  idle_timeout: 5\n  body: 8MiB\n  per_client: {requests: 1/s, points: x}\nlog: {level: verbose, format: xml}\nadmin: {listen: ${NOPE}\n',
    says: [
      'collector.yaml:10:18: not YAML: Unexpected flow-map-start at node end — expected quotes around a value with ${…}',
      'collector.yaml:11:1: not YAML: Unexpected flow-error-end at node end',
    ],
  },
  {
    name: 'many things at once',
    text: 'ack: forwarded\nworkers: 0\njurnal:\n  ring: 1MiB\nlimits:\n  idle_timeout: 5\n  body: 8MiB\n  per_client: {requests: 1/s, points: x}\nlog: {level: verbose, format: txt}\nadmin: {listen: "${NOPE}"}\n',
    says: [
      'collector.yaml:1:6 ack: forwarded is reserved for a later version — expected journal or memory',
      'collector.yaml:2:10 workers: 0 is too small — expected auto or a whole number from 1 to 64',
      'collector.yaml:3:1 jurnal: unknown key — did you mean "journal"?',
      'collector.yaml:6:17 limits.idle_timeout: 5 has no unit — expected a duration such as 250ms, 10s, 1h30m or 7d',
      'collector.yaml:7:9 limits.body: 8MiB is more than limits.decompressed, 4MiB — expected at most that: a body can also come uncompressed',
      'collector.yaml:8:39 limits.per_client.points: "x" does not say per what — expected a rate such as 20/s or 600/m, or unlimited',
      'collector.yaml:9:14 log.level: is "verbose" — expected debug, info, warn or error',
      'collector.yaml:9:31 log.format: is "txt" — expected auto, text or json; did you mean "text"?',
      'collector.yaml:10:17 admin.listen: the environment variable NOPE is not set — expected it to be set, or ${NOPE:-default}',
    ],
  },
];
