/** Writes a small file under the file size limit its shell was given; the exit code says whether it was told so. */
import { writeFileAtomically } from '../src/atomic-file.ts';

process.on('SIGXFSZ', () => {});
try {
  writeFileAtomically(process.argv[2] ?? '', 'x'.repeat(3000));
} catch {
  process.exitCode = 3;
}
