/** Imports go one way: shared ← proto ← agent, collector; and rooms keep to themselves. */
import { expect, it } from 'vitest';
import { importsOf, targetOf, wrongImports } from './imports.ts';
import { findings, paths, sources } from './tree.ts';

it('imports go one way, and rooms know only the rooms they may', () => {
  expect(findings(sources(), wrongImports)).toEqual([]);
});

it('relative imports and worker files lead to files that exist', () => {
  const known = new Set(paths);
  const dead = findings(sources(), ({ path, text }) =>
    importsOf(text)
      .map((specifier) => targetOf(path, specifier))
      .filter((target) => target !== undefined && /\.(ts|mjs)$/.test(target) && !known.has(target))
      .map((target) => `no such file ${target}`),
  );
  expect(dead).toEqual([]);
});

/** Apart from the text around them, so that the samples below are not taken for imports of this file. */
const dynamic = 'import';
const here = 'import.meta.url';

it('the rule sees each kind of wrong import', () => {
  const check = (path: string, text: string, what: string) => {
    expect(wrongImports({ path, text })).toEqual([expect.stringContaining(what)]);
  };
  const collector = 'packages/collector/src';
  check('packages/shared/src/a.ts', `import { x } from '@metricstream/proto/walk.ts';`, 'shared must not import proto');
  check(
    'packages/agent/src/a.ts',
    `import type {\n  X,\n} from '@metricstream/collector/a.ts';`,
    'must not import collector',
  );
  check(`${collector}/a.ts`, `export { x } from '../../agent/src/a.ts';`, 'collector must not import agent');
  check(`${collector}/http/a.ts`, `import { x } from '../rings/ring.ts';`, 'must not know of');
  check(`${collector}/http/a.ts`, `import { x } from '@metricstream/shared/journal/journal.ts';`, 'must not know of');
  check(`${collector}/sinks/jsonl/a.ts`, `const x = await ${dynamic}('../../http/types.ts');`, 'must not know of');
  check(`${collector}/sources/kafka/a.ts`, `import { x } from '../../migrate/lines.ts';`, 'must not know of');
  check(`${collector}/sinks/kafka/a.ts`, `import { x } from '../../sources/kafka/consumer.ts';`, 'must not know of');
  check(`${collector}/points/a.ts`, `import { x } from '../sinks/jsonl/read-line.ts';`, 'must not know of');
  check(`${collector}/ledger/a.ts`, `import { x } from '../ingest/request.ts';`, 'must not know of');
  check(`${collector}/admission/a.ts`, `import type { X } from '../ingest/counters.ts';`, 'must not know of');
  check(`${collector}/tokens/a.ts`, `import { x } from '../sinks/chosen.ts';`, 'must not know of');
  check(`${collector}/ingest/a.ts`, `import { x } from '../steps/parts.ts';`, 'must not know of');
  check(`${collector}/ingest/a.ts`, `import { x } from '../front-door/tls-files.ts';`, 'must not know of');
  check(`${collector}/sinks/a.ts`, `import type { X } from '../front-door/front-door.ts';`, 'must not know of');
  check(`${collector}/ingest/a.ts`, `import { x } from '../sinks/jsonl/read-line.ts';`, 'must not know of');
  check(`${collector}/a.ts`, `const u = new URL('../../agent/src/w.ts', ${here});`, 'must not import agent');
  check('packages/agent/src/agent.ts', `import { request } from 'undici';`, 'undici belongs in');
  check(`${collector}/forward.ts`, `import { Kafka } from 'kafkajs';`, 'kafkajs belongs in');
  check(`${collector}/sinks/kafka/lane.ts`, `import { Kafka } from 'kafkajs';`, 'kafkajs belongs in');
  check('packages/agent/src/a.ts', `import '../../../test/app.ts';`, 'the product must not import test/app.ts');
});

it('the rule lets right imports pass', () => {
  const right = (path: string, text: string) => expect(wrongImports({ path, text })).toEqual([]);
  right('packages/agent/src/collector-client.ts', `import { request } from 'undici';`);
  right(
    'packages/collector/src/http/a.ts',
    `import { x } from './types.ts';\nimport { y } from '@metricstream/shared/clock.ts';`,
  );
  right('packages/proto/bench/walk.ts', `import type { Bench } from '../../../test/bench/bench.ts';`);
});
