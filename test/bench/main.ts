/**
 * The command `pnpm bench`: runs one bench and prints its figures beside what the product holds. Owns the list of all
 * benches and the two forms of output; a figure that misses its hold is shown, and is no failure of the command.
 */
import { cpus, release, totalmem, type as osType } from 'node:os';
import { parseArgs } from 'node:util';
import type { Bench, BenchRow } from './bench.ts';
import { formatTable, verdictOf } from './table.ts';

/** Every bench of the repository, in the order of the data. */
const BENCHES: Record<string, () => Promise<{ bench: Bench }>> = {
  agent: () => import('../../packages/agent/bench/agent.bench.ts'),
  wire: () => import('../../packages/proto/bench/wire.bench.ts'),
  walk: () => import('../../packages/proto/bench/walk.bench.ts'),
  http: () => import('../../packages/collector/bench/http.bench.ts'),
  admission: () => import('../../packages/collector/bench/admission.bench.ts'),
  ring: () => import('../../packages/collector/bench/ring.bench.ts'),
  ingest: () => import('../../packages/collector/bench/ingest.bench.ts'),
  fairness: () => import('../../packages/collector/bench/fairness.bench.ts'),
  openloop: () => import('../../packages/collector/bench/openloop.bench.ts'),
  jsonl: () => import('../../packages/collector/bench/jsonl.bench.ts'),
  partitions: () => import('../../packages/collector/bench/partitions.bench.ts'),
  kafka: () => import('../../packages/collector/bench/kafka.bench.ts'),
  influx: () => import('../../packages/collector/bench/influx.bench.ts'),
  freshness: () => import('../../packages/collector/bench/freshness.bench.ts'),
};

const ROUNDS = 5;
const ROUNDS_QUICK = 2;

const USAGE = `usage: pnpm bench NAME [--json] [--quick] [--rounds N]

  NAME      ${Object.keys(BENCHES).join(' | ')}
  --json    machine, date and figures as JSON on stdout
  --quick   few iterations: shows that it runs, the figures mean nothing
  --rounds  rounds to take the best of (${ROUNDS})
`;

interface Command {
  name: string;
  json: boolean;
  quick: boolean;
  rounds: number;
}

/** @returns what was asked for, or the message to print instead. */
function parseCommand(args: string[]): Command | { message: string; code: number } {
  try {
    const { values, positionals } = parseArgs({
      args,
      allowPositionals: true,
      options: {
        json: { type: 'boolean', default: false },
        quick: { type: 'boolean', default: false },
        rounds: { type: 'string' },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
    const [name, ...more] = positionals;
    if (values.help || name === undefined) return { message: USAGE, code: 0 };
    if (more.length > 0) return { message: `one bench at a time, not also ${more.join(' ')}\n\n${USAGE}`, code: 2 };
    if (!Object.hasOwn(BENCHES, name)) return { message: `no bench is called ${name}\n\n${USAGE}`, code: 2 };
    const rounds = values.rounds === undefined ? (values.quick ? ROUNDS_QUICK : ROUNDS) : Number(values.rounds);
    if (!Number.isInteger(rounds) || rounds < 1)
      return { message: `--rounds ${values.rounds}: expected a whole number from 1 on\n`, code: 2 };
    return { name, json: values.json, quick: values.quick, rounds };
  } catch (error) {
    return { message: `${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`, code: 2 };
  }
}

/** @returns what a reader must know of the machine to judge a figure. */
function machine(): { cpu: string; cores: number; memoryGib: number; system: string } {
  const all = cpus();
  return {
    cpu: all[0]?.model.trim() ?? 'unknown',
    cores: all.length,
    memoryGib: Math.round(totalmem() / 1024 ** 3),
    system: `${osType()} ${release()} ${process.arch}`,
  };
}

async function runBench({ name, json, quick, rounds }: Command): Promise<void> {
  const { bench } = await (BENCHES[name] as () => Promise<{ bench: Bench }>)();
  const progress = (line: string): void => void process.stderr.write(`${bench.name}: ${line}\n`);
  const rows: BenchRow[] = await bench.run({ rounds, quick, progress });
  const { cpu, cores, memoryGib, system } = machine();
  const date = new Date().toISOString();
  if (json) {
    const figures = rows.map((row) => ({ ...row, verdict: verdictOf(row) }));
    const about = { date, node: process.version, machine: { cpu, cores, memoryGib, system }, rounds, quick };
    process.stdout.write(
      `${JSON.stringify({ bench: bench.name, title: bench.title, ...about, figures }, undefined, 2)}\n`,
    );
    return;
  }
  const kind = quick ? 'quick: these figures mean nothing' : `best of ${rounds} rounds`;
  process.stdout.write(
    `${bench.title}\n${date}, node ${process.version}, ${cores} x ${cpu}, ${memoryGib} GiB, ${system}; ${kind}\n\n${formatTable(rows)}`,
  );
}

const command = parseCommand(process.argv.slice(2));
if ('message' in command) {
  (command.code === 0 ? process.stdout : process.stderr).write(command.message);
  process.exitCode = command.code;
} else await runBench(command);
