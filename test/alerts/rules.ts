/** The rule files of install/prometheus as data: every rule, and the metrics that its expression names. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';

const dir = fileURLToPath(new URL('../../install/prometheus/', import.meta.url));

export const ruleFiles: readonly string[] = readdirSync(dir).map((file) => join(dir, file));

export interface Rule {
  file: string;
  alert: string;
  expr: string;
  for?: string;
  labels: Record<string, string>;
  annotations: Record<string, string>;
}

interface RuleFile {
  groups: { rules: Omit<Rule, 'file'>[] }[];
}

export function rules(): Rule[] {
  return ruleFiles.flatMap((path) => {
    const { groups } = parse(readFileSync(path, 'utf8')) as RuleFile;
    return groups.flatMap((group) => group.rules.map((rule) => ({ ...rule, file: path.slice(dir.length) })));
  });
}

const words = new Set(['and', 'or', 'unless', 'bool', 'group_left', 'group_right']);

/** Pure: what is neither a label, a function, a word of the language nor a number. */
export function metricsIn(expr: string): Set<string> {
  const bare = expr
    .replaceAll(/#.*$/gm, '')
    .replaceAll(/\{[^}]*\}|\[[^\]]*\]/g, ' ')
    .replaceAll(/\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)/g, ' ')
    .replaceAll(/\boffset\s+\w+/g, ' ');
  const names = [...bare.matchAll(/(?<![\w.])[a-z_:][\w:]*(?!\w|\s*\()/gi)].map(([name]) => name);
  return new Set(names.filter((name) => !words.has(name)));
}
