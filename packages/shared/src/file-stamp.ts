/**
 * Whether a file was changed, without reading it. Owns the stamp: a text that is another one once the file, behind all
 * symbolic links, was written, replaced or removed.
 */
import { statSync } from 'node:fs';
import { stat } from 'node:fs/promises';

type Stats = { dev: bigint; ino: bigint; size: bigint; mtimeNs: bigint; ctimeNs: bigint };

/** With the ctime, since a time of writing can be set, and with the inode, since a file can be renamed into place. */
function textOf({ dev, ino, size, mtimeNs, ctimeNs }: Stats): string {
  return [dev, ino, size, mtimeNs, ctimeNs].join(':');
}

function textOfFault(error: unknown): string {
  return String((error as NodeJS.ErrnoException).code);
}

export function fileStamp(path: string): string {
  try {
    return textOf(statSync(path, { bigint: true }));
  } catch (error) {
    return textOfFault(error);
  }
}

/** The same for whoever must not wait for a slow file system. */
export async function fileStampAsync(path: string): Promise<string> {
  try {
    return textOf(await stat(path, { bigint: true }));
  } catch (error) {
    return textOfFault(error);
  }
}
