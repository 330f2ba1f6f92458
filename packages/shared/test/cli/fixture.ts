/** A small program with the verbs every program has, for program.test.ts and, as a process, main.fixture.ts. */
import { z } from 'zod';
import type { ProgramSpec, Verb } from '../../src/cli/program.ts';
import { checkVerb, configVerb, runVerb } from '../../src/cli/verbs.ts';
import { choice, integer, secret } from '../../src/config/leaves.ts';
import type { ConfigSpec } from '../../src/config/load.ts';
import { MetricStreamError } from '../../src/errors.ts';
import { createLifecycle } from '../../src/lifecycle.ts';
import { LOG_FORMATS, LOG_LEVELS } from '../../src/log.ts';

const schema = z.strictObject({
  workers: integer({ min: 1, max: 9 }).prefault(1),
  token: secret({ expected: 'a token', charsMax: 99 }).prefault(''),
  log: z
    .strictObject({ level: choice(LOG_LEVELS).prefault('info'), format: choice(LOG_FORMATS).prefault('auto') })
    .prefault({}),
});
type File = z.output<typeof schema>;

const spec: ConfigSpec<File, File> = {
  schema,
  defaultPath: '/etc/metricstream/fixture.yaml',
  check: ({ workers }) => (workers > 5 ? [{ path: ['workers'], level: 'warning', what: 'are many' }] : []),
  shape: (file) => file,
  summary: ({ workers }) => `workers ${workers}`,
};

const fail: Verb<{ how: string }> = {
  name: 'fail',
  summary: 'Fail in some way',
  examples: ['fail --how coded'],
  define: (command) => void command.requiredOption('--how <how>', 'coded or foreign'),
  run({ how }) {
    if (how === 'coded') throw new MetricStreamError('unreachable', 'ingest:7440 does not answer');
    throw new TypeError('x is undefined');
  },
};

/** More than a pipe holds. */
const flood: Verb = {
  name: 'flood',
  summary: 'Say a lot',
  examples: ['flood'],
  run(_options, io) {
    io.out(`${'x'.repeat(1_000_000)}\n`);
    return 0;
  },
};

export const FIXTURE: ProgramSpec = {
  name: 'fixture',
  version: '1.2.3',
  description: 'Shows manners.',
  verbs: [
    runVerb(spec, 'fixture', (loaded, log) => {
      let timer: NodeJS.Timeout | undefined;
      // 4 hangs in its stop for long, 5 until a deadline that is soon.
      const hang = loaded.config.workers >= 4;
      return createLifecycle(
        [
          {
            name: 'ticker',
            start() {
              timer = setInterval(() => {}, 1000);
              process.stdout.write('running\n');
            },
            stop: () => (hang ? new Promise(() => {}) : clearInterval(timer)),
          },
        ],
        { log, stopDeadlineMs: loaded.config.workers === 5 ? 10 : 60_000 },
      );
    }),
    checkVerb(spec),
    configVerb(spec),
    fail,
    flood,
  ] as Verb[],
};
