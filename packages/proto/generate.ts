/**
 * Generates src/gen from metricstream.proto: protobufjs static code (encode and decode only) and its types. Owns those
 * two files and promises that equal input gives equal bytes, which a test checks against what is committed.
 * `pnpm proto` writes them.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import protobuf from 'protobufjs';
import pbjs from 'protobufjs-cli/pbjs.js';

const PROTO_PATH = fileURLToPath(new URL('./metricstream.proto', import.meta.url));
export const CODE_PATH = fileURLToPath(new URL('./src/gen/metricstream.js', import.meta.url));
export const TYPES_PATH = fileURLToPath(new URL('./src/gen/metricstream.d.ts', import.meta.url));

const BANNER = '// Generated from metricstream.proto by generate.ts (pnpm proto). Do not edit.\n';

/** Static code that needs `protobufjs/minimal.js` only: no reflection, no eval, nothing that reads .proto at run time. */
const PBJS_ARGS = (
  '--target static-module --wrap es6 --es6 --root metricstream --dependency protobufjs/minimal.js ' +
  '--no-create --no-verify --no-convert --no-delimited --no-typeurl --no-service --no-comments'
).split(' ');

/** @returns the text of src/gen/metricstream.js and src/gen/metricstream.d.ts. */
export async function generate(): Promise<{ code: string; types: string }> {
  const code = await new Promise<string>((resolve, reject) => {
    pbjs.main([...PBJS_ARGS, PROTO_PATH], (error, output) => {
      if (error) reject(error);
      else resolve(output ?? '');
    });
  });
  return { code: BANNER + code, types: BANNER + typesOf(readFileSync(PROTO_PATH, 'utf8')) };
}

const SCALARS: Record<string, { in: string; out: string }> = {
  string: { in: 'string', out: 'string' },
  bool: { in: 'boolean', out: 'boolean' },
  uint32: { in: 'number', out: 'number' },
  double: { in: 'number', out: 'number' },
  uint64: { in: 'number | Bits64', out: 'Bits64' },
  fixed64: { in: 'number | Bits64', out: 'Bits64' },
};

/** Types of exactly what the static code offers here; pbjs itself only describes the whole of its conveniences. */
function typesOf(proto: string): string {
  const messages = protobuf.parse(proto, { keepCase: false }).root.lookup('metricstream');
  if (!(messages instanceof protobuf.Namespace)) throw new Error(`${PROTO_PATH} has no package metricstream`);
  const lines = [
    '/** 64 bits as two halves: what decode gives, and what encode takes where a number is too small. */',
    'export interface Bits64 {\n  low: number;\n  high: number;\n  unsigned?: boolean;\n}',
    'export namespace metricstream {',
  ];
  for (const nested of messages.nestedArray) if (nested instanceof protobuf.Type) lines.push(...messageTypes(nested));
  lines.push('}');
  return `${lines.join('\n')}\n`;
}

function messageTypes(type: protobuf.Type): string[] {
  const fields = type.fieldsArray.map((field) => ({
    name: field.name,
    repeated: field.repeated,
    ...fieldTypes(field),
  }));
  return [
    `  interface I${type.name} {`,
    ...fields.map((field) => `    ${field.name}?: ${field.repeated ? `ArrayLike<${field.in}>` : field.in};`),
    '  }',
    `  class ${type.name} {`,
    ...fields.map((field) => `    ${field.name}: ${field.out}${field.repeated ? '[]' : ''};`),
    `    static encode(message: I${type.name}): { finish(): Uint8Array };`,
    `    static decode(bytes: Uint8Array): ${type.name};`,
    '  }',
  ];
}

function fieldTypes(field: protobuf.Field): { in: string; out: string } {
  const scalar = SCALARS[field.type];
  if (scalar !== undefined) return scalar;
  if (field.resolve().resolvedType instanceof protobuf.Enum) return { in: 'number', out: 'number' };
  return { in: `I${field.type}`, out: field.type };
}

if (import.meta.main) {
  const { code, types } = await generate();
  writeFileSync(CODE_PATH, code);
  writeFileSync(TYPES_PATH, types);
  process.stdout.write(`wrote ${CODE_PATH} and ${TYPES_PATH}\n`);
}
