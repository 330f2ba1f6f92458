/** The verb `test`: one sweep of this host on stdout, by one source or by both; nothing is sent. */
import type { Verb } from '@metricstream/shared/cli/program.ts';
import { Option } from 'commander';
import type { SourceName } from './samplers/options.ts';

interface TestOptions {
  source: SourceName | 'both';
  json?: true;
}

const SOURCES: TestOptions['source'][] = ['auto', 'procfs', 'systeminformation', 'both'];

export const testVerb: Verb = {
  name: 'test',
  summary: 'Sample this host once and print it, sending nothing',
  examples: ['test', 'test --source both'],
  define(command) {
    command.addOption(new Option('--source <name>', 'where figures come from').choices(SOURCES).default('auto'));
    command.option('--json', 'print one JSON object a source');
  },
  async run(options, io) {
    const { source, json } = options as unknown as TestOptions;
    // Loaded here: a running agent has no use for it.
    const { runTestCommand } = await import('./samplers/test-command.ts');
    return runTestCommand({ source, json: json === true, stdout: { write: (text) => io.out(text) } });
  },
};
