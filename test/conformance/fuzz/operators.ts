/**
 * The operators of the fuzzer: each changes one request of a stream in one of the ways by which servers were led astray.
 * Owns what each does, and whether it `reveals`: may move the end of a body, so that what hid in it is a request.
 */
import type { Seeded } from '@metricstream/shared/testing/seeded.ts';
import type { Draft } from './streams.ts';
import {
  CODINGS,
  CONNECTIONS,
  EXPECTS,
  EXTRAS,
  HOSTS,
  LENGTHS,
  LINE_ENDS,
  METHOD_WORDS,
  SIZES,
  SPACES,
  TARGETS,
  VERSIONS,
} from './words.ts';

export interface Operator {
  name: string;
  reveals: boolean;
  /** Changes the draft, or gives what is to follow the whole stream. */
  apply(draft: Draft, random: Seeded): string | void;
}

/** A field of that name is in the draft: then the operator decides between two, else it makes one where none was. */
const frames = ({ fields }: Draft): boolean =>
  fields.some((field) => /^(content-length|transfer-encoding):/i.test(field));

function insert(draft: Draft, field: string, random: Seeded): void {
  draft.fields.splice(random.int(draft.fields.length + 1), 0, field);
}

/** Puts what `change` makes of one field in its place. */
function onField(draft: Draft, random: Seeded, change: (field: string) => string): void {
  if (draft.fields.length === 0) return;
  const index = random.int(draft.fields.length);
  draft.fields[index] = change(draft.fields[index]!);
}

function anyCase(text: string, random: Seeded): string {
  return text.replace(/[A-Za-z]/g, (c) => (random.int(2) === 0 ? c.toLowerCase() : c.toUpperCase()));
}

function spliceText(text: string, at: number, removed: number, added: string): string {
  return text.slice(0, at) + added + text.slice(at + removed);
}

/** On names and values: what a lenient reader takes for the same field. */
const FIELD_OPERATORS: readonly Operator[] = [
  {
    name: 'duplicate field',
    reveals: false,
    apply: (draft, random) =>
      insert(draft, random.pick(draft.fields.length > 0 ? draft.fields : ['Host: h.test']), random),
  },
  {
    name: 'change case',
    reveals: false,
    apply: (draft, random) => onField(draft, random, (field) => anyCase(field, random)),
  },
  {
    name: 'fold field',
    reveals: false,
    apply: (draft, random) =>
      onField(draft, random, (field) =>
        field.replace(/: ?/, () => random.pick([':\r\n ', ': \r\n\t', '\r\n : ', ':\n '])),
      ),
  },
  {
    name: 'space at a name',
    reveals: false,
    apply(draft, random) {
      const space = random.pick(SPACES);
      const form = random.int(3);
      onField(draft, random, (field) =>
        form === 0
          ? field.replace(':', () => `${space}:`)
          : form === 1
            ? space + field
            : field.replace('-', () => `${space}-`),
      );
    },
  },
  {
    name: 'space at a value',
    reveals: false,
    apply(draft, random) {
      const space = random.pick(SPACES);
      const atEnd = random.int(2) === 0;
      onField(draft, random, (field) => (atEnd ? field + space : field.replace(/: ?/, () => `:${space}`)));
    },
  },
  {
    name: 'lone CR or LF',
    reveals: true,
    apply(draft, random) {
      const byte = random.pick(['\r', '\n']);
      onField(draft, random, (field) => spliceText(field, random.int(field.length + 1), 0, byte));
    },
  },
  {
    name: 'underscore in a name',
    reveals: true,
    apply: (draft, random) => onField(draft, random, (field) => field.replace('-', '_')),
  },
  {
    name: 'move field',
    reveals: false,
    apply: (draft) => void draft.fields.push(...draft.fields.splice(0, 1)),
  },
  { name: 'remove field', reveals: true, apply: (draft, random) => void draft.fields.splice(random.int(4), 1) },
  {
    name: 'no colon',
    reveals: false,
    apply: (draft, random) => onField(draft, random, (field) => field.replace(':', '')),
  },
  { name: 'empty name', reveals: true, apply: (draft, random) => insert(draft, ': chunked', random) },
];

/** On what decides where a body ends. */
const FRAMING_OPERATORS: readonly Operator[] = [
  {
    name: 'add Content-Length',
    reveals: false,
    apply: (draft, random) => insert(draft, `Content-Length: ${random.pick(LENGTHS)}`, random),
  },
  {
    name: 'add Transfer-Encoding',
    reveals: false,
    apply: (draft, random) => insert(draft, `Transfer-Encoding: ${random.pick(CODINGS)}`, random),
  },
  {
    name: 'replace a length or coding',
    reveals: true,
    apply(draft, random) {
      const length = random.pick(LENGTHS);
      const coding = random.pick(CODINGS);
      if (!frames(draft)) return;
      draft.fields = draft.fields.map((field) =>
        field.replace(/^(content-length): .*/i, `$1: ${length}`).replace(/^(transfer-encoding): .*/i, `$1: ${coding}`),
      );
    },
  },
  {
    name: 'replace a chunk size',
    reveals: true,
    apply: (draft, random) =>
      void (draft.body = draft.body.replace(/^[0-9a-fA-F]+(?=[;\r])/m, () => random.pick(SIZES))),
  },
  {
    name: 'long chunk extension',
    reveals: true,
    apply: (draft, random) =>
      void (draft.body = draft.body.replace(
        /^[0-9a-f]+(?=\r)/gm,
        (size) => `${size};${'e'.repeat(200 + random.int(70))}`,
      )),
  },
  {
    name: 'break the last chunk',
    reveals: true,
    apply: (draft, random) => void (draft.body = draft.body.replace(/0(?=\r\n\r\n$)/, () => random.pick(SIZES))),
  },
  {
    name: 'bytes after the body',
    reveals: true,
    apply: (draft, random) => void (draft.body += random.pick(EXTRAS)),
  },
  { name: 'bytes after all', reveals: true, apply: (_, random) => random.pick(EXTRAS) },
];

/** On the other fields that http/ acts on, and on the request line. */
const MEANING_OPERATORS: readonly Operator[] = [
  {
    name: 'add Connection',
    reveals: false,
    apply: (draft, random) => insert(draft, `Connection: ${random.pick(CONNECTIONS)}`, random),
  },
  {
    name: 'add Expect',
    reveals: false,
    apply: (draft, random) => insert(draft, `Expect: ${random.pick(EXPECTS)}`, random),
  },
  {
    name: 'replace Host',
    reveals: false,
    apply(draft, random) {
      const host = random.pick(HOSTS);
      draft.fields = draft.fields.map((field) => (field.startsWith('Host:') ? `Host: ${host}` : field));
    },
  },
  {
    name: 'replace the version',
    reveals: false,
    apply: (draft, random) => void (draft.start = draft.start.replace(/\S*$/, () => random.pick(VERSIONS))),
  },
  {
    name: 'replace the target',
    reveals: false,
    apply: (draft, random) => void (draft.start = draft.start.replace(/ \S+ /, () => ` ${random.pick(TARGETS)} `)),
  },
  {
    name: 'replace the method',
    reveals: false,
    apply: (draft, random) => void (draft.start = draft.start.replace(/^\S+/, () => random.pick(METHOD_WORDS))),
  },
  {
    name: 'double a space of the request line',
    reveals: false,
    apply: (draft, random) =>
      void (draft.start = draft.start.replace(' ', () => random.pick(['  ', '\t', ' \t', '\x0c']))),
  },
  {
    name: 'oversize',
    reveals: false,
    apply(draft, random) {
      const form = random.int(4);
      if (form === 0) insert(draft, `X: ${'v'.repeat(700 + random.int(500))}`, random);
      else if (form === 1) insert(draft, `${'N'.repeat(700 + random.int(500))}: v`, random);
      else if (form === 2) for (let i = random.int(24); i > 0; i--) draft.fields.push('A: b');
      else draft.start = draft.start.replace(' /', () => ` /${'p'.repeat(150 + random.int(100))}`);
    },
  },
];

/** On bytes, without regard to what they are. */
const BYTE_OPERATORS: readonly Operator[] = [
  {
    name: 'other line ends',
    reveals: true,
    apply: (draft, random) => void (draft.lineEnd = random.pick(['\n', '\r', '\r\r\n', '\n\r'])),
  },
  {
    name: 'one other line end',
    reveals: true,
    apply: (draft, random) => onField(draft, random, (field) => `${field}${random.pick(LINE_ENDS)}X: y`),
  },
  {
    name: 'a byte in the head',
    reveals: true,
    apply: (draft, random) =>
      onField(draft, random, (field) =>
        spliceText(field, random.int(field.length + 1), random.int(2), String.fromCharCode(random.int(256))),
      ),
  },
  {
    name: 'a byte in the request line',
    reveals: true,
    apply: (draft, random) =>
      void (draft.start = spliceText(
        draft.start,
        random.int(draft.start.length + 1),
        random.int(2),
        String.fromCharCode(random.int(256)),
      )),
  },
  {
    name: 'a byte in the body',
    reveals: true,
    apply: (draft, random) =>
      void (draft.body = spliceText(
        draft.body,
        random.int(draft.body.length + 1),
        random.int(2),
        random.pick([...SPACES, '\r', '\n']),
      )),
  },
  {
    name: 'truncate the body',
    reveals: true,
    apply: (draft, random) => void (draft.body = draft.body.slice(0, random.int(draft.body.length + 1))),
  },
  {
    name: 'truncate the head',
    reveals: true,
    apply(draft, random) {
      draft.fields.length = random.int(draft.fields.length + 1);
      draft.lineEnd = random.pick(['\r\n', '\r\n', '']);
    },
  },
];

export const OPERATORS: readonly Operator[] = [
  ...FIELD_OPERATORS,
  ...FRAMING_OPERATORS,
  ...MEANING_OPERATORS,
  ...BYTE_OPERATORS,
];
