#!/usr/bin/env node
/** The command `metricstream-collector`: reads the command line and the configuration, runs, leaves. */
import { runProgram, endOnClosedOutput } from '@metricstream/shared/cli/program.ts';
import { runVerb } from '@metricstream/shared/cli/verbs.ts';
import { createCollector } from './collector.ts';
import { collectorSpec } from './config.ts';
import { VERSION } from './version.ts';

// Files are 0640 at most, directories 0750, whatever the umask of whoever starts it.
process.umask(0o027);
endOnClosedOutput();
const args = process.argv.slice(2);
const run = runVerb(collectorSpec, 'collector', createCollector, {
  examples: [`run -c ${collectorSpec.defaultPath} --takeover`],
  define: (command) =>
    void command.option('--takeover', 'stand beside the collector that runs on this state_dir, and follow it'),
});
// Not exitCode: a part that did not stop by its deadline must not keep the process alive.
const code = await runProgram(
  {
    name: 'metricstream-collector',
    version: VERSION,
    description: 'Takes batches from agents, makes them durable, and passes them on.',
    verbs: args[0] === 'run' ? [run] : [run, ...(await import('./verbs.ts')).otherVerbs()],
  },
  args,
);
process.exit(code);
