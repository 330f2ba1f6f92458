/**
 * What zod found, in our words and at its place in the file. Owns the walk along the schema's JSON form for the names
 * an option could have had. Promises one fault per mistake: a refused union speaks for the branch that was meant.
 */
import { z } from 'zod';
import type { ConfigDocument } from './document.ts';
import { type ConfigFault, type Path, pathText } from './fault.ts';
import { describe } from './leaves.ts';
import { suggest } from './suggest.ts';

type Issue = z.core.$ZodIssue;

/** The part of JSON Schema that z.toJSONSchema gives and we read. */
interface JsonSchema {
  properties?: Record<string, JsonSchema>;
  additionalProperties?: JsonSchema | boolean;
  anyOf?: JsonSchema[];
}

const UNKNOWN_KEY = 'unknown key';
/** A key list longer than this says more than anybody reads. */
const KEYS_LISTED_MAX = 16;

/** @returns the schema as JSON Schema, of what stands in the file. */
export function jsonSchemaOf(schema: z.ZodType): Record<string, unknown> {
  return z.toJSONSchema(schema, { io: 'input' });
}

export interface Located {
  fault: ConfigFault;
  /** The option to leave out so that the rest can still be judged. */
  path: Path;
}

/** Translates every issue; what is wrong with a value that could not be read is its unreadability alone. */
export function translate(issues: readonly Issue[], schema: z.ZodType, document: ConfigDocument): Located[] {
  const json = jsonSchemaOf(schema) as JsonSchema;
  const reported = document.unreadable.map(pathText);
  return issues
    .flatMap((issue) => one(issue, [], json, document))
    .filter(({ path, fault }) => fault.what === UNKNOWN_KEY || !reported.includes(pathText(path)));
}

function one(issue: Issue, base: Path, json: JsonSchema, document: ConfigDocument): Located[] {
  const path: Path = [...base, ...issue.path.map((part) => (typeof part === 'number' ? part : String(part)))];
  const at = (fault: { what: string; expected?: string; suggestion?: string }): Located[] => [
    { path, fault: document.faultAt(path, 'value', fault) },
  ];
  const raw = valueAt(document.value, path);
  if (issue.code === 'unrecognized_keys') return issue.keys.map((key) => unknownKey([...path, key], json, document));
  if (issue.code === 'invalid_union') {
    // The branch that takes a map finds fault with what is inside it, or with unknown keys; the others with the map itself.
    const meant = issue.errors.find((errors) =>
      errors.every((inner) => inner.path.length > 0 || inner.code === 'unrecognized_keys'),
    );
    if (meant !== undefined) return meant.flatMap((inner) => one(inner, path, json, document));
    return at({ what: `is ${describe(raw)}`, expected: 'true, false, or a map of options' });
  }
  if (issue.code === 'custom') {
    const { expected, suggestion } = (issue.params ?? {}) as { expected?: string; suggestion?: string };
    return at({ what: issue.message, expected, suggestion });
  }
  if (issue.code === 'invalid_type') {
    const expected = issue.expected === 'array' ? 'a list' : 'a map of options';
    return at({ what: raw === undefined ? 'is required' : `is ${describe(raw)}`, expected });
  }
  return at({ what: issue.message });
}

function unknownKey(path: Path, json: JsonSchema, document: ConfigDocument): Located {
  const key = String(path.at(-1));
  const siblings = keysAt(json, path.slice(0, -1));
  const suggestion = suggest(key, siblings) ?? elsewhere(key, json);
  const expected =
    suggestion === undefined && siblings.length <= KEYS_LISTED_MAX ? `one of ${siblings.join(', ')}` : undefined;
  return { path, fault: document.faultAt(path, 'key', { what: UNKNOWN_KEY, expected, suggestion }) };
}

/** The options that can stand at a path; none where any name may. */
function keysAt(json: JsonSchema, path: Path): string[] {
  let schema: JsonSchema | undefined = json;
  for (const part of path) schema = options(schema)?.[part];
  return Object.keys(options(schema) ?? {});
}

function options(schema: JsonSchema | undefined): Record<string, JsonSchema> | undefined {
  return schema?.properties ?? schema?.anyOf?.find((branch) => branch.properties !== undefined)?.properties;
}

/** Where this option does stand: the shallowest such place, if there is but one at that depth. */
function elsewhere(key: string, json: JsonSchema): string | undefined {
  const found: Path[] = [];
  const walk = (schema: JsonSchema, at: Path): void => {
    for (const [name, inner] of Object.entries(options(schema) ?? {})) {
      if (name === key) found.push([...at, name]);
      walk(inner, [...at, name]);
    }
  };
  walk(json, []);
  const depth = Math.min(...found.map((path) => path.length));
  const shallowest = found.filter((path) => path.length === depth);
  return shallowest.length === 1 ? pathText(shallowest[0] as Path) : undefined;
}

/** @returns what stands at a path of a plain tree. */
export function valueAt(tree: unknown, path: Path): unknown {
  let at: unknown = tree;
  for (const part of path) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, part)) return undefined;
    at = (at as Record<string | number, unknown>)[part];
  }
  return at;
}
