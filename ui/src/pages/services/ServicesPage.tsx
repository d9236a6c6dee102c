export function ServicesPage() {
  return <h1 className="page-title">Services</h1>;
}
