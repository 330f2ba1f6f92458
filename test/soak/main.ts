/**
 * The command `pnpm soak`: runs one long test for as long as it was told to, and says what it found. Owns the list of
 * them; each prints its progress by itself and is done when it resolves.
 */
import { parseArgs } from 'node:util';

export interface SoakOptions {
  /** How much of it; each run says what it counts. */
  count: number | undefined;
  seed: number | undefined;
}

/** @returns whether all went well. */
export type Soak = (options: SoakOptions) => Promise<boolean>;

/** Every long run of the repository. */
const RUNS: Record<string, () => Promise<{ soak: Soak }>> = {
  fuzz: () => import('./fuzz.ts'),
};

const USAGE = `usage: pnpm soak NAME [--count N] [--seed N]

  NAME     ${Object.keys(RUNS).join(' | ')}
  --count  how much of it, such as 10000000 fuzzed requests (the default)
  --seed   plays a run again
`;

async function main(args: string[]): Promise<number> {
  try {
    const { values, positionals } = parseArgs({
      args,
      allowPositionals: true,
      options: { count: { type: 'string' }, seed: { type: 'string' }, help: { type: 'boolean', short: 'h' } },
    });
    const [name = ''] = positionals;
    if (values.help) {
      process.stdout.write(USAGE);
      return 0;
    }
    const load = Object.hasOwn(RUNS, name) ? RUNS[name] : undefined;
    if (load === undefined) throw new Error(name === '' ? 'say which run' : `no long run is called ${name}`);
    const { soak } = await load();
    return (await soak({ count: numberOf('--count', values.count), seed: numberOf('--seed', values.seed) })) ? 0 : 1;
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`);
    return 2;
  }
}

function numberOf(option: string, text: string | undefined): number | undefined {
  if (text !== undefined && !/^\d{1,15}$/.test(text)) throw new Error(`${option} takes a whole number, not ${text}`);
  return text === undefined ? undefined : Number(text);
}

process.exitCode = await main(process.argv.slice(2));
