export function TracePage() {
  return <h1 className="page-title">Trace</h1>;
}
