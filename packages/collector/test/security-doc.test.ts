/** docs/SECURITY.md names every limit of the collector with the default it has. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseConfig } from '@metricstream/shared/config/load.ts';
import { optionPaths } from '@metricstream/shared/testing/sample.ts';
import { expect, test } from 'vitest';
import { collectorSpec } from '../src/config.ts';

const DOC = readFileSync(join(import.meta.dirname, '../../../docs/SECURITY.md'), 'utf8');

test('every limit stands in the table with its default', () => {
  const result = parseConfig('', collectorSpec, {});
  if (!result.ok) throw new Error('an empty file is no configuration');
  const valueOf = (path: string): unknown =>
    path.split('.').reduce<unknown>((tree, key) => (tree as Record<string, unknown>)[key], result.shown);
  const limits = optionPaths(collectorSpec.schema).filter(
    (path) => path.startsWith('limits.') && typeof valueOf(path) !== 'object',
  );
  expect(limits.length).toBeGreaterThan(15);
  const missing = limits.filter((path) => {
    const row = new RegExp(`^\\| \`${path.replace('limits.', '').replaceAll('.', '\\.')}\` +\\| ([^|]*?) +\\|`, 'm');
    return row.exec(DOC)?.[1] !== String(valueOf(path));
  });
  expect(missing.map((path) => `${path}: ${String(valueOf(path))}`)).toEqual([]);
});
