/**
 * Reads the annotated sample files of install/config for the tests that keep them true. In a sample, `#` right before an
 * option (indented after it, not before it) takes the option out; `# ` with one blank begins prose.
 */
import { z } from 'zod';

const OPTION = /^#((?: {2})*[a-z_]+:.*)$/;

export interface Sample {
  /** The file with every option put in. */
  text: string;
  /** The keys of options that stand without a word about them: no comment above, nor above the option before. */
  unexplained: string[];
}

/** @param source the sample as it is in the repository. */
export function readSample(source: string): Sample {
  const unexplained: string[] = [];
  let explained = false;
  const text = source.split('\n').map((line) => {
    const option = OPTION.exec(line)?.[1];
    if (option !== undefined && !explained) unexplained.push(option.trim());
    if (/^\s*# /.test(line)) explained = true;
    else if (option === undefined) explained = false;
    return option ?? line;
  });
  return { text: text.join('\n'), unexplained };
}

/** @returns every option a schema has, as `a.b.c`, sections included. */
export function optionPaths(schema: z.ZodType): string[] {
  const paths: string[] = [];
  const walk = (json: Json, at: string): void => {
    const properties = json.properties ?? json.anyOf?.find((branch) => branch.properties !== undefined)?.properties;
    for (const [key, inner] of Object.entries(properties ?? {})) {
      paths.push(at + key);
      walk(inner, `${at}${key}.`);
    }
  };
  walk(z.toJSONSchema(schema, { io: 'input' }) as Json, '');
  return paths.sort();
}

interface Json {
  properties?: Record<string, Json>;
  anyOf?: Json[];
}

/** @returns every key of a tree that is among the options, as `a.b.c`. */
export function treePaths(tree: unknown, known: ReadonlySet<string>, at = ''): string[] {
  if (typeof tree !== 'object' || tree === null || Array.isArray(tree)) return [];
  return Object.entries(tree).flatMap(([key, inner]) =>
    known.has(at + key) ? [at + key, ...treePaths(inner, known, `${at}${key}.`)] : [at + key],
  );
}
