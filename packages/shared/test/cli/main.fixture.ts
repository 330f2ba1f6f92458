/** The fixture as a process: what every main.ts looks like. */
import { endOnClosedOutput, runProgram } from '../../src/cli/program.ts';
import { FIXTURE } from './fixture.ts';

endOnClosedOutput();
process.exit(await runProgram(FIXTURE, process.argv.slice(2)));
