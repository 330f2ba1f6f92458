/** Starts the fake collector named by its arguments (entry, config) and says its pid, then waits to be killed. */
import { startProgram } from '../../../install/local/program.ts';

const [entry = '', config = ''] = process.argv.slice(2);
const program = startProgram({ name: 'collector', entry, args: ['run', '-c', config] });
await program.waitForLog('admin listening');
process.stdout.write(`${program.pid}\n`);
setInterval(() => undefined, 1000);
