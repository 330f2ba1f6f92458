/**
 * The child process of the inventory: prints the host's facts as one line of JSON on stdout and ends. It ends by itself
 * after `CHILD_MS_MAX` too, so that it does not outlive an agent that was killed meanwhile.
 */
import { collectHostFacts } from './collect.ts';

/** Longer than the agent waits for it. */
const CHILD_MS_MAX = 60_000;

setTimeout(() => process.exit(1), CHILD_MS_MAX).unref();
const facts = await collectHostFacts();
// Ending here and now: a program of the library's that still hangs must not keep the process.
process.stdout.write(`${JSON.stringify(facts)}\n`, () => process.exit(0));
