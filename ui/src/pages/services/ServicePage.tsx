export function ServicePage() {
  return <h1 className="page-title">Service</h1>;
}
