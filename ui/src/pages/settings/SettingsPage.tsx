export function SettingsPage() {
  return <h1 className="page-title">Settings</h1>;
}
