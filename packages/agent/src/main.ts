/** The agent's command line: reads the configuration, builds the agent, runs it until it is told to stop. */
import { endOnClosedOutput, runProgram, type Verb } from '@metricstream/shared/cli/program.ts';
import { checkVerb, configVerb, runVerb } from '@metricstream/shared/cli/verbs.ts';
import type { Lifecycle } from '@metricstream/shared/lifecycle.ts';
import type { Log } from '@metricstream/shared/log.ts';
import { type Agent, createAgent } from './agent.ts';
import { agentSpec } from './config.ts';
import { testVerb } from './test-verb.ts';
import { AGENT_VERSION } from './version.ts';

/** The last line of the log says what became of every point. */
function withFinalLine(agent: Agent, log: Log): Lifecycle {
  return {
    start: () => agent.lifecycle.start(),
    async stop(reason) {
      const report = await agent.lifecycle.stop(reason);
      log.info('stopped', { final: agent.status() });
      return report;
    },
  };
}

const verbs: Verb[] = [
  runVerb(agentSpec, 'agent', ({ config, hash }, log) => {
    return withFinalLine(createAgent({ config, configHash: hash, log }), log);
  }),
  checkVerb(agentSpec, async (config) => (await import('./connect-check.ts')).checkConnection(config)) as Verb,
  configVerb(agentSpec),
  testVerb,
];

// Files are 0640 at most, directories 0750, whatever the umask of whoever starts it.
process.umask(0o027);
endOnClosedOutput();
// Not exitCode: a part that did not stop by its deadline must not keep the process alive.
const code = await runProgram(
  {
    name: 'metricstream-agent',
    version: AGENT_VERSION,
    description: 'Samples this host and pushes batches to a collector.',
    verbs,
  },
  process.argv.slice(2),
);
process.exit(code);
