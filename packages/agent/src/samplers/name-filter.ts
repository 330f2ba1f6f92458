/**
 * Globs over device and interface names. Pure. Promises that order does not matter: a name passes when some pattern
 * takes it and no `!` pattern refuses it; a list of nothing but refusals takes everything else.
 */

export type NameFilter = (name: string) => boolean;

/** @param patterns `*` is any run of characters, `?` any one, a leading `!` refuses; all else is literal. */
export function createNameFilter(patterns: readonly string[]): NameFilter {
  const refused = patterns
    .filter((pattern) => pattern.startsWith('!'))
    .map((pattern) => globToRegExp(pattern.slice(1)));
  const taken = patterns.filter((pattern) => !pattern.startsWith('!')).map(globToRegExp);
  const takesAll = taken.length === 0 && refused.length > 0;
  return (name) =>
    (takesAll || taken.some((pattern) => pattern.test(name))) && !refused.some((pattern) => pattern.test(name));
}

function globToRegExp(glob: string): RegExp {
  // Runs of stars are one star: `**` must not make the expression backtrack.
  const escaped = glob.replaceAll(/\*+/g, '*').replaceAll(/[.+^${}()|[\]\\]/g, '\\$&');
  return new RegExp(`^${escaped.replaceAll('*', '.*').replaceAll('?', '.')}$`, 's');
}
