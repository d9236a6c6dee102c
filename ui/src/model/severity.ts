// Severities of logs, as OpenTelemetry numbers them.

export const SEVERITIES = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'unspecified'] as const;
export type Severity = (typeof SEVERITIES)[number];

export function severityOf(text: string | undefined): Severity {
  return (SEVERITIES as readonly string[]).includes(text ?? '') ? (text as Severity) : 'unspecified';
}

/** The token that colours it. */
export function severityVariable(severity: Severity): string {
  return `--severity-${severity === 'unspecified' ? 'debug' : severity}`;
}
