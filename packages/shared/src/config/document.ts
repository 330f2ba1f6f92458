/**
 * YAML text to a plain tree, with the place of every key and value kept. Owns the bounds on what a file may hold (depth,
 * nodes, so that aliases cannot multiply) and the expansion of the environment. Promises never to throw: whatever is
 * wrong is a fault with its line and column.
 */
import type { Document, Node, Pair, ScalarTag } from 'yaml';
import { isAlias, isMap, isPair, isScalar, isSeq, LineCounter, parseDocument } from 'yaml';
import { type Env, expandEnv, hasReference } from './env.ts';
import { type ConfigFault, type Path, pathText } from './fault.ts';

/** Deeper than any option, by far. */
const DEPTH_MAX = 32;
/** All nodes, those behind aliases counted each time. */
const NODES_MAX = 20_000;
const MAP_EXPECTED = 'options, one per line, as "key: value"';

interface Span {
  start: number;
  end: number;
}

export interface ConfigDocument {
  /** Maps, lists and scalars; an option without a value (`key:`) or with null is undefined, as if it were not there. */
  value: Record<string, unknown>;
  faults: ConfigFault[];
  /** Options whose value could not be read; they are undefined in `value` and already have their fault. */
  unreadable: Path[];
  /** Whether the option is in the file. */
  has(path: Path): boolean;
  /** A fault at the option itself, or at its nearest parent that is in the file. */
  faultAt(
    path: Path,
    at: 'key' | 'value',
    fault: { what: string; expected?: string; suggestion?: string },
  ): ConfigFault;
}

/** Parses and expands. With faults of YAML itself the tree is empty: what it would hold is not what was meant. */
export function parseYaml(text: string, env: Env): ConfigDocument {
  const lines = new LineCounter();
  const keys = new Map<string, Span>();
  const values = new Map<string, Span>();
  const place = (span: Span): Pick<ConfigFault, 'line' | 'column' | 'length'> => {
    const { line, col } = lines.linePos(span.start);
    return { line: Math.max(line, 1), column: Math.max(col, 1), length: Math.max(1, span.end - span.start) };
  };
  const out: ConfigDocument = {
    value: {},
    faults: [],
    unreadable: [],
    has: (path) => keys.has(JSON.stringify(path)),
    faultAt(path, at, fault) {
      for (let length = path.length; length > 0; length--) {
        const id = JSON.stringify(path.slice(0, length));
        const span = (length === path.length && at === 'value' ? values.get(id) : undefined) ?? keys.get(id);
        if (span !== undefined) return { ...place(span), path: pathText(path), ...fault };
      }
      return { line: 1, column: 1, length: 0, path: pathText(path), ...fault };
    },
  };

  let doc: Document.Parsed;
  try {
    doc = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: false, version: '1.2' });
  } catch {
    // The parser recurses; only absurd nesting gets here.
    out.faults.push({ line: 1, column: 1, length: 1, path: '', what: 'is nested too deeply to be read' });
    return out;
  }
  out.faults.push(...syntaxFaults(doc, text, place));
  if (out.faults.length > 0) return out;
  const root = convert({ doc, env, out, keys, values, place, nodes: 0 });
  if (typeof root === 'object' && root !== null && !Array.isArray(root)) out.value = root as Record<string, unknown>;
  else if (root !== undefined && out.faults.length === 0)
    out.faults.push({ line: 1, column: 1, length: 1, path: '', what: 'is not a map', expected: MAP_EXPECTED });
  return out;
}

type Place = (span: Span) => Pick<ConfigFault, 'line' | 'column' | 'length'>;

/** One fault per line: what follows the first on a line is mostly its echo. */
function syntaxFaults(doc: Document.Parsed, text: string, place: Place): ConfigFault[] {
  const faults: ConfigFault[] = [];
  const yaml = doc.directives.yaml;
  if (yaml.explicit === true && yaml.version !== '1.2')
    faults.push({ line: 1, column: 1, length: 1, path: '', what: `is YAML ${yaml.version}`, expected: 'YAML 1.2' });
  for (const { code, message, pos } of [...doc.errors, ...doc.warnings]) {
    const at = place({ start: pos[0], end: pos[0] + 1 });
    if (faults.some((fault) => fault.line === at.line)) continue;
    const line = text.slice(text.lastIndexOf('\n', pos[0] - 1) + 1).split('\n', 1)[0] ?? '';
    faults.push({ ...at, path: '', ...syntaxWords(code, message, line) });
  }
  return faults.toSorted((a, b) => a.line - b.line || a.column - b.column);
}

function syntaxWords(code: string, message: string, line: string): { what: string; expected?: string } {
  if (code === 'TAB_AS_INDENT') return { what: 'a tab is used for indentation', expected: 'spaces' };
  if (code === 'MULTIPLE_DOCS')
    return { what: 'a second YAML document begins here', expected: 'one document per file' };
  if (line.includes('${')) return { what: `not YAML: ${message}`, expected: 'quotes around a value with ${…}' };
  if (code === 'BLOCK_AS_IMPLICIT_KEY')
    return { what: 'a value contains ": "', expected: 'quotes around it, or the inner option on its own line' };
  return { what: `not YAML: ${message}` };
}

interface Conversion {
  doc: Document.Parsed;
  env: Env;
  out: ConfigDocument;
  keys: Map<string, Span>;
  values: Map<string, Span>;
  place: Place;
  nodes: number;
}

function convert(run: Conversion): unknown {
  return node(run, run.doc.contents, []);
}

function spanOf(item: Node): Span {
  return { start: item.range?.[0] ?? 0, end: item.range?.[1] ?? 0 };
}

function node(run: Conversion, item: unknown, path: Path): unknown {
  const { out, doc } = run;
  if (item === null || item === undefined) return undefined;
  const given = item as Node;
  const fail = (what: string, expected?: string): undefined => {
    out.unreadable.push(path);
    out.faults.push({ ...run.place(spanOf(given)), path: pathText(path), what, expected });
  };
  const source = isAlias(given) ? given.resolve(doc) : given;
  if (isAlias(given) && source === undefined)
    return fail(`there is no anchor &${given.source} before this`, 'an alias to an earlier anchor');
  run.nodes++;
  if (run.nodes === NODES_MAX + 1) return fail(`holds more than ${NODES_MAX} values, aliases counted in full`);
  // The fault above is enough; what follows is not looked at.
  if (run.nodes > NODES_MAX) return undefined;
  if (path.length > DEPTH_MAX) return fail(`is nested more than ${DEPTH_MAX} levels deep`);
  if (!run.values.has(JSON.stringify(path))) run.values.set(JSON.stringify(path), spanOf(given));
  if (isMap(source)) return map(run, source.items, path);
  if (isSeq(source)) return source.items.map((entry, index) => node(run, entry, [...path, index]) ?? null);
  if (!isScalar(source)) return undefined;
  if (typeof source.value !== 'string' || !hasReference(source.value)) return source.value ?? undefined;
  const expanded = expandEnv(source.value, run.env);
  if (!expanded.ok) return fail(expanded.what, expanded.expected);
  return source.type === 'PLAIN' ? retype(doc, expanded.text) : expanded.text;
}

function map(run: Conversion, pairs: readonly unknown[], path: Path): Record<string, unknown> {
  const tree: Record<string, unknown> = {};
  for (const pair of pairs) {
    if (!isPair(pair)) continue;
    const key = keyOf(run, pair, path);
    if (key === undefined) continue;
    // Not an assignment: a key named __proto__ must be seen as an unknown key, like any other.
    Object.defineProperty(tree, key, {
      value: node(run, pair.value, [...path, key]),
      enumerable: true,
      writable: true,
      configurable: true,
    });
  }
  return tree;
}

/** The key as text, its place noted; undefined (with a fault) when it is no scalar or was there before. */
function keyOf(run: Conversion, pair: Pair, path: Path): string | undefined {
  const { out, keys } = run;
  if (!isScalar(pair.key)) {
    const span = pair.key === null ? { start: 0, end: 1 } : spanOf(pair.key as Node);
    out.faults.push({
      ...run.place(span),
      path: pathText(path),
      what: 'a key is not plain text',
      expected: MAP_EXPECTED,
    });
    return undefined;
  }
  const key = String(pair.key.value);
  const full = [...path, key];
  const id = JSON.stringify(full);
  const span = spanOf(pair.key);
  const first = keys.get(id);
  if (first !== undefined && first.start !== span.start) {
    const what = `is given twice, first on line ${run.place(first).line}`;
    out.faults.push({ ...run.place(span), path: pathText(full), what, expected: 'each option once' });
    return undefined;
  }
  keys.set(id, span);
  return key;
}

/** What an unquoted scalar with this text would be in YAML: `5` a number, `true` a boolean, nothing null. */
function retype(doc: Document.Parsed, text: string): unknown {
  const tag = doc.schema.tags.find(
    (one): one is ScalarTag => one.default === true && 'test' in one && one.test !== undefined && one.test.test(text),
  );
  const value: unknown = tag?.resolve(text, () => {}, {}) ?? (tag === undefined ? text : undefined);
  return (isScalar(value) ? value.value : value) ?? undefined;
}
