/**
 * Lines taken apart again, by their bytes: which fields of which series one carries, and bodies made of some lines of
 * another. Owns nothing; promises that what it copies is, as a point, what was there before.
 */
import { type Body, createBody, endLine, lineEnd, lineRecord, lineStart } from './body.ts';
import type { LinePlan } from './line-plan.ts';
import type { FieldName } from './verdict.ts';

/** A run of lines of a body. */
export interface Part {
  body: Body;
  from: number;
  to: number;
}

const COMMA = 44;
const SPACE = 32;

/** A field of a line: the plan's number of it, and where `name=value` stands in the body. */
interface FieldIn {
  field: number;
  from: number;
  to: number;
}

export function wholeOf(body: Body): Part {
  return { body, from: 0, to: body.lines };
}

export function bytesOf({ body, from, to }: Part): Uint8Array {
  return body.bytes.subarray(lineStart(body, from), lineEnd(body, to - 1));
}

/** @returns the plan's numbers of the fields that a line carries. */
export function fieldsOf(body: Body, line: number): number[] {
  const { plan } = lineRecord(body, line);
  const kind = body.kinds[line]!;
  if (kind < plan.seedLines) return [kind];
  if (kind >= plan.lines) return [kind - plan.lines];
  return readFields(body, line).map(({ field }) => field);
}

function headBytes(plan: LinePlan, line: number): number {
  return (plan.heads[line] ?? plan.makeHead(line)).length;
}

/** The fields of a line of the schema `telegraf` with all its fields. */
function readFields(body: Body, line: number): FieldIn[] {
  const { plan } = lineRecord(body, line);
  const kind = body.kinds[line]!;
  const { bytes } = body;
  const found: FieldIn[] = [];
  let from = lineStart(body, line) + headBytes(plan, kind) + 1;
  for (let field = plan.first[kind]!; field < plan.first[kind + 1]!; field++) {
    // With the comma before it, which the first field of a line lacks.
    const name = plan.names[field]!;
    const end = from + name.length - 1;
    if (bytes.compare(name, 1, name.length, from, end) !== 0) continue;
    let to = end;
    while (bytes[to] !== COMMA && bytes[to] !== SPACE) to++;
    found.push({ field, from, to });
    if (bytes[to] === SPACE) break;
    from = to + 1;
  }
  return found;
}

/** Adds a line of another body. */
function copyLine(target: Body, body: Body, line: number): void {
  const start = lineStart(body, line);
  const end = target.length + body.bytes.copy(target.bytes, target.length, start, lineEnd(body, line));
  endLine(target, { record: lineRecord(body, line), end, kind: body.kinds[line]!, sweep: body.sweeps[line]! });
}

/** Adds a line of another body with some of its fields only. */
function copyFields(target: Body, body: Body, line: number, fields: readonly FieldIn[], kind: number): void {
  const { plan } = lineRecord(body, line);
  const start = lineStart(body, line);
  let end =
    target.length + body.bytes.copy(target.bytes, target.length, start, start + headBytes(plan, body.kinds[line]!));
  for (const [at, { from, to }] of fields.entries()) {
    target.bytes[end++] = at === 0 ? SPACE : COMMA;
    end += body.bytes.copy(target.bytes, end, from, to);
  }
  const all = readFields(body, line);
  end += body.bytes.copy(target.bytes, end, all.at(-1)!.to, lineEnd(body, line));
  endLine(target, { record: lineRecord(body, line), end, kind, sweep: body.sweeps[line]! });
}

/** @returns a body of the part's lines for which `wanted` is true. */
export function pick({ body, from, to }: Part, wanted: (line: number) => boolean): Body {
  const picked = createBody(lineEnd(body, to - 1) - lineStart(body, from));
  for (let line = from; line < to; line++) if (wanted(line)) copyLine(picked, body, line);
  return picked;
}

/**
 * Parts the values of a field from the others that share lines with them.
 * @returns the lines without that field, and its values, a line each.
 */
export function separate(part: Part, name: FieldName): { rest: Body; apart: Body } {
  const { body, from, to } = part;
  const bytes = lineEnd(body, to - 1) - lineStart(body, from);
  const rest = createBody(bytes);
  const apart = createBody(bytes);
  for (let line = from; line < to; line++) {
    const { plan } = lineRecord(body, line);
    const kind = body.kinds[line]!;
    const isIt = (field: number): boolean => {
      const of = plan.nameOf(field);
      return of.measurement === name.measurement && of.field === name.field;
    };
    if (kind < plan.seedLines || kind >= plan.lines) {
      copyLine(fieldsOf(body, line).some(isIt) ? apart : rest, body, line);
      continue;
    }
    const fields = readFields(body, line);
    const its = fields.find(({ field }) => isIt(field));
    if (its === undefined) {
      copyLine(rest, body, line);
      continue;
    }
    copyFields(apart, body, line, [its], plan.lines + its.field);
    if (fields.length === 1) continue;
    copyFields(
      rest,
      body,
      line,
      fields.filter((one) => one !== its),
      kind,
    );
  }
  return { rest, apart };
}
