/** The version that every batch, `--version` and the metrics carry: the package's own. */
import manifest from '../package.json' with { type: 'json' };

export const AGENT_VERSION: string = manifest.version;
