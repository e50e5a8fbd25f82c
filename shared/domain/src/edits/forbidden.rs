//! Paths that no patch may touch.

/// Lock files whose names do not end in `.lock`: a tool writes them, and a changed one runs other people's code.
const LOCK_FILES: [&str; 15] = [
    "npm-shrinkwrap.json",
    "package-lock.json",
    "pnpm-lock.yaml",
    "bun.lockb",
    "go.sum",
    "go.work.sum",
    "gradle.lockfile",
    "buildscript-gradle.lockfile",
    "packages.lock.json",
    "package.resolved",
    "cartfile.resolved",
    "cabal.project.freeze",
    "vcpkg-lock.json",
    "conda-lock.yml",
    ".terraform.lock.hcl",
];

/// Folders whose files decide what a machine runs on its own.
const WORKFLOW_FOLDERS: [&str; 21] = [
    ".git/",
    ".github/",
    ".gitlab/",
    ".gitea/",
    ".forgejo/",
    ".woodpecker/",
    ".circleci/",
    ".buildkite/",
    ".ci/",
    ".drone/",
    ".semaphore/",
    ".teamcity/",
    ".azuredevops/",
    ".azure-pipelines/",
    ".tekton/",
    ".husky/",
    ".githooks/",
    ".lefthook/",
    ".devcontainer/",
    ".vscode/",
    ".idea/",
];

/// Files that do the same, wherever they stand.
const WORKFLOW_FILES: [&str; 27] = [
    ".gitlab-ci.yml",
    ".gitlab-ci.yaml",
    "azure-pipelines.yml",
    "azure-pipelines.yaml",
    "jenkinsfile",
    "bitbucket-pipelines.yml",
    ".travis.yml",
    ".drone.yml",
    ".woodpecker.yml",
    ".woodpecker.yaml",
    ".cirrus.yml",
    ".appveyor.yml",
    "appveyor.yml",
    "buildspec.yml",
    "buildspec.yaml",
    "cloudbuild.yaml",
    "cloudbuild.yml",
    ".pre-commit-config.yaml",
    ".pre-commit-hooks.yaml",
    "lefthook.yml",
    ".lefthook.yml",
    ".lintstagedrc",
    ".devcontainer.json",
    ".gitattributes",
    ".gitmodules",
    ".envrc",
    "codeowners",
];

/// Names of files that hold what opens something.
const SECRET_FILES: [&str; 26] = [
    ".npmrc",
    ".yarnrc",
    ".yarnrc.yml",
    ".pypirc",
    ".netrc",
    "_netrc",
    ".git-credentials",
    ".gitconfig",
    ".pgpass",
    ".my.cnf",
    ".htpasswd",
    ".dockercfg",
    ".dockerconfigjson",
    ".s3cfg",
    ".boto",
    ".terraformrc",
    "terraform.rc",
    ".vault-token",
    "kubeconfig",
    "credentials",
    "credentials.json",
    "service-account.json",
    "secrets.yml",
    "secrets.yaml",
    "secrets.json",
    "master.key",
];

/// Folders of such files.
const SECRET_FOLDERS: [&str; 6] = [".ssh/", ".aws/", ".gnupg/", ".docker/", ".kube/", ".azure/"];

/// What the names of such files end with.
const SECRET_ENDINGS: [&str; 22] = [
    ".pem",
    ".key",
    ".p8",
    ".p12",
    ".pfx",
    ".ppk",
    ".jks",
    ".keystore",
    ".kdbx",
    ".asc",
    ".gpg",
    ".age",
    ".env",
    ".tfvars",
    ".tfvars.json",
    ".tfstate",
    ".tfstate.backup",
    ".ovpn",
    ".mobileprovision",
    ".keychain",
    ".credentials",
    ".secrets",
];

/// Private keys of SSH; what follows the name may be anything, `.pub` too.
const SSH_KEYS: [&str; 6] = [
    "id_rsa",
    "id_dsa",
    "id_ecdsa",
    "id_ed25519",
    "id_xmss",
    "ssh_host_",
];

/// Why no patch may touch the path; none where it may.
#[must_use]
pub fn forbidden(path: &str) -> Option<&'static str> {
    let lower = path.to_ascii_lowercase();
    let name = lower.rsplit('/').next().unwrap_or(&lower);
    let part_is_bad = |part: &str| part.is_empty() || part == "." || part == "..";
    if path.starts_with('/')
        || path.contains('\\')
        || path.chars().any(char::is_control)
        || path.split('/').any(part_is_bad)
    {
        return Some("it leaves the repository");
    }
    let in_one_of = |folders: &[&str]| {
        folders
            .iter()
            .any(|folder| lower.starts_with(folder) || lower.contains(&format!("/{folder}")))
    };
    if in_one_of(&WORKFLOW_FOLDERS) || WORKFLOW_FILES.contains(&name) || name.starts_with("jenkinsfile.") {
        return Some("it is a workflow file");
    }
    if LOCK_FILES.contains(&name) || is_lock(name) {
        return Some("it is a lock file");
    }
    let is_secret = SECRET_FILES.contains(&name)
        || in_one_of(&SECRET_FOLDERS)
        || SECRET_ENDINGS.iter().any(|ending| name.ends_with(ending))
        || SSH_KEYS.iter().any(|key| name.starts_with(key))
        || name.starts_with(".env.")
        || name.contains(".tfstate.");
    is_secret.then_some("it may hold secrets")
}

/// `.lock` is what most tools end the name with: Cargo, Bundler, Composer, Poetry, uv, Bun, Nix, ..
fn is_lock(name: &str) -> bool {
    name.ends_with(".lock")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_leaves_the_repository_is_never_patched() {
        for path in [
            "/etc/passwd",
            "../a",
            "a/../b",
            "a/./b",
            "a//b",
            "a\\b",
            "a\0b",
            "a\nb",
            "a/",
            "",
        ] {
            assert_eq!(forbidden(path), Some("it leaves the repository"), "{path}");
        }
    }

    #[test]
    fn what_a_machine_runs_by_itself_is_never_patched() {
        for path in [
            ".github/workflows/ci.yml",
            "sub/.github/workflows/x.yml",
            ".gitea/workflows/ci.yaml",
            ".forgejo/workflows/ci.yaml",
            ".gitlab-ci.yml",
            "sub/.GitLab-CI.yaml",
            ".gitlab/ci/build.yml",
            ".circleci/config.yml",
            ".husky/pre-commit",
            "web/.husky/_/husky.sh",
            ".devcontainer/devcontainer.json",
            ".devcontainer.json",
            ".pre-commit-config.yaml",
            "Jenkinsfile",
            "ci/Jenkinsfile.deploy",
            ".git/config",
            ".ci/run",
            ".gitattributes",
            ".vscode/tasks.json",
        ] {
            assert_eq!(forbidden(path), Some("it is a workflow file"), "{path}");
        }
    }

    #[test]
    fn what_a_tool_writes_is_never_patched() {
        for path in [
            "Cargo.lock",
            "web/package-lock.json",
            "bun.lock",
            "bun.lockb",
            "deno.lock",
            "flake.lock",
            "yarn.lock",
            "uv.lock",
            "Pipfile.lock",
            "Gemfile.lock",
            "composer.lock",
            "mix.lock",
            "pubspec.lock",
            "Podfile.lock",
            "Package.resolved",
            "packages.lock.json",
            "gradle.lockfile",
            "go.sum",
            "go.work.sum",
            ".terraform.lock.hcl",
            "infra/Chart.lock",
            "pnpm-lock.yaml",
            "npm-shrinkwrap.json",
            "conda-lock.yml",
        ] {
            assert_eq!(forbidden(path), Some("it is a lock file"), "{path}");
        }
    }

    #[test]
    fn what_hides_secrets_is_never_patched() {
        for path in [
            ".env",
            ".env.local",
            "prod.env",
            "deploy/.prod.env",
            "deploy/prod.pem",
            "id_rsa",
            "id_ecdsa",
            "keys/id_ed25519.pub",
            "id_ed25519_deploy",
            ".git-credentials",
            ".netrc",
            "web/.npmrc",
            "a/credentials",
            "terraform.tfvars",
            "prod.auto.tfvars.json",
            "terraform.tfstate",
            "terraform.tfstate.backup",
            "terraform.tfstate.1700000000.backup",
            ".ssh/config",
            ".aws/config",
            "config/master.key",
            "vpn.ovpn",
        ] {
            assert_eq!(forbidden(path), Some("it may hold secrets"), "{path}");
        }
    }

    #[test]
    fn code_beside_them_is_patched() {
        for path in [
            "src/lock.rs",
            "src/env.rs",
            "docs/secrets.md",
            "a/.gitignore",
            "src/key.rs",
            "src/environment.ts",
            "lib/block.rb",
            "src/git/config.rs",
            "src/github/workflow.py",
            "infra/main.tf",
            "app/credentials.rs",
            "Cargo.toml",
            "package.json",
            "src/pem.go",
            "docs/husky/readme.md",
        ] {
            assert_eq!(forbidden(path), None, "{path}");
        }
    }
}
