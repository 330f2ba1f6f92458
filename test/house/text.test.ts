/** What every file of the repository keeps to: a first paragraph, no leftovers, nothing of one machine. */
import { expect, it } from 'vitest';
import { files, findings, paths, type RepoFile, sources } from './tree.ts';

/** Put together here, so that this file does not hold what it looks for. */
const word = (...parts: string[]) => parts.join('');
const leftovers = [
  new RegExp(`\\b(${word('TO', 'DO')}|${word('FIX', 'ME')}|${word('X', 'XX')})\\b`),
  new RegExp(`\\.(${word('on', 'ly')}|${word('sk', 'ip')})\\(`),
  new RegExp(`^\\s*${word('debug', 'ger')};?\\s*$`),
  new RegExp(`\\b${word('console', '\\.')}(log|debug|error|info|warn)\\(`),
];
const machines = [
  new RegExp(`(?<![\\w.$}])/(${word('wo', 'rk')}|${word('ro', 'ot')})/`),
  new RegExp(`${word('registry', '\\.')}(npmjs|yarnpkg)`),
  new RegExp(`^\\s*${word('tar', 'ball')}: http`),
];

/** Texts that people write or tools read; test data is as it came. */
const texts = () =>
  files(/(^|\/)[^/.]+$|\.(ts|mjs|js|json|yaml|md|sh|service)$/).filter(({ path }) => !path.includes('/fixtures/'));

function matching(patterns: RegExp[]): (file: RepoFile) => string[] {
  return ({ text }) =>
    text
      .split('\n')
      .flatMap((line, index) =>
        patterns.some((pattern) => pattern.test(line)) ? [`line ${index + 1}: ${line.trim().slice(0, 100)}`] : [],
      );
}

/** A doc comment at the very top (below a `#!` line), whose first paragraph is of whole sentences. */
function wrongOpening({ text }: RepoFile): string[] {
  const opening = /^(?:#!.*\n)?\/\*\*([^]*?)\*\//.exec(text)?.[1];
  if (opening === undefined) return ['does not open with a doc comment that says what it owns and promises'];
  const lines = opening.split('\n').map((line) => line.replace(/^\s*\* ?/, '').trim());
  const paragraph = lines.join('\n').trim().split('\n\n', 1)[0] ?? '';
  return /[.:)]$/.test(paragraph) ? [] : ['opens with a comment that is no whole sentence'];
}

it('every source file opens with a paragraph that says what it owns', () => {
  // A test file's sentences are its test names.
  const list = sources().filter(({ path }) => !path.endsWith('.test.ts'));
  expect(findings(list, wrongOpening)).toEqual([]);
});

it('nothing is left over from working: no notes to self, focused or skipped tests, debug prints', () => {
  expect(findings(texts(), matching(leftovers))).toEqual([]);
});

it('no file names a path of one machine or the host of a package registry', () => {
  expect(findings(texts(), matching(machines))).toEqual([]);
});

it('files are named in kebab-case, and exports have names', () => {
  const odd = sources().filter(({ path }) => !/^[a-z0-9.-]+$/.test(path.split('/').at(-1) ?? ''));
  expect(odd.map(({ path }) => path)).toEqual([]);
  const nameless = sources().filter(({ path, text }) => path !== 'vitest.config.ts' && /^export default\b/m.test(text));
  expect(nameless.map(({ path }) => path)).toEqual([]);
});

it('the rules see what they are for', () => {
  const seen = (patterns: RegExp[], text: string) =>
    expect(matching(patterns)({ path: 'a.ts', text: `fine\n${text}` }), text).toEqual([
      expect.stringContaining('line 2'),
    ]);
  seen(leftovers, `// ${word('TO', 'DO')}: later`);
  seen(leftovers, `it${word('.on', 'ly')}('x', f)`);
  seen(leftovers, `  ${word('debug', 'ger')};`);
  seen(leftovers, `${word('console', '.log')}(x)`);
  seen(machines, `cp ${word('/wo', 'rk/')}main x`);
  seen(machines, `"${word('/ro', 'ot/')}x"`);
  seen(machines, `https://${word('registry', '.npmjs')}.org`);
  expect(matching(machines)({ path: 'a.ts', text: 'fieldwork/ and ./test/work/x' })).toEqual([]);
  expect(wrongOpening({ path: 'a.ts', text: 'export {};' })).toHaveLength(1);
  expect(wrongOpening({ path: 'a.ts', text: '/**\n * One\n *\n * Two.\n */' })).toHaveLength(1);
  expect(wrongOpening({ path: 'a.ts', text: '/** One\n * sentence. */' })).toEqual([]);
});

it('looks at the whole repository', () => {
  for (const path of ['package.json', '.ci/run', 'install/bootstrap/main.mjs', 'packages/proto/src/batch.ts']) {
    expect(paths).toContain(path);
  }
  expect(paths.some((path) => path.includes('node_modules'))).toBe(false);
});
