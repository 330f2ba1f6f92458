/**
 * What `npm start` runs under Node 26: reads the options, turns signals into one request to end, and gives the exit
 * code. The run itself is in session.ts.
 */
import { help, parseOptions, UsageError } from './options.ts';
import { PortTaken } from './ports.ts';
import { runLocal } from './session.ts';

/** npm, the shell and the terminal may all pass on one Ctrl-C; only a later one means impatience. */
const impatientAfterMs = 1000;

/** A signal to end on: the first SIGINT, SIGTERM or SIGHUP, or the death of the process that started this one. */
function endRequest(): AbortSignal {
  const controller = new AbortController();
  let firstMs = 0;
  const end = (signal?: NodeJS.Signals) => {
    if (!controller.signal.aborted) {
      firstMs = performance.now();
      controller.abort();
    } else if (signal === 'SIGINT' && performance.now() - firstMs > impatientAfterMs) {
      process.stderr.write('not waiting any longer: the programs end by themselves, and there is no verdict\n');
      process.exit(130);
    }
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, end);
  if (process.connected) {
    process.on('disconnect', () => end());
    process.channel?.unref();
  }
  return controller.signal;
}

async function main(args: string[]): Promise<number> {
  // A closed terminal must not keep the programs from being stopped in order.
  process.stdout.on('error', () => undefined);
  process.stderr.on('error', () => undefined);
  try {
    const options = parseOptions(args);
    if (options === 'help') {
      process.stdout.write(help);
      return 0;
    }
    return await runLocal(options, { out: process.stdout, end: endRequest() });
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    process.stderr.write(`npm start: ${message}\n`);
    if (error instanceof UsageError) process.stderr.write('npm start -- --help lists the options\n');
    else if (!(error instanceof PortTaken || error instanceof Error)) throw error;
    return error instanceof UsageError ? 2 : 1;
  }
}

process.exitCode = await main(process.argv.slice(2));
