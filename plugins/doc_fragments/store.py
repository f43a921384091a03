# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The store that keeps the labs' keys."""

from __future__ import annotations


class ModuleDocFragment:
    """The option store and its sub-options."""

    DOCUMENTATION = r"""
options:
  store:
    description:
      - Where the labs' keys are kept. Each lab has one record in it.
      - Each suboption belongs to one or several store types; a suboption that the chosen type does not have is an
        error.
    type: dict
    required: true
    suboptions:
      type:
        description:
          - The kind of store.
          - V(ansible_vault) keeps one file per lab, encrypted with the run's vault password. It is read and written
            under a lock; C(ansible-vault view) shows it.
          - V(aws_secretsmanager) keeps one secret for each lab in AWS Secrets Manager.
          - V(aws_ssm) keeps one C(SecureString) parameter for each lab in AWS Systems Manager Parameter Store.
          - V(hashi_vault) keeps one secret for each lab in a KV version 2 engine of HashiCorp Vault or OpenBao. It
            needs the Python library C(hvac).
        type: str
        choices: [ansible_vault, aws_secretsmanager, aws_ssm, hashi_vault]
        default: ansible_vault
      directory:
        description:
          - The directory of the files. It is created with mode 0700 if it does not exist.
          - Required for O(store.type=ansible_vault).
        type: path
      vault_id:
        description:
          - The id of the vault password to encrypt with, if the run has several. Default is the first one.
          - Before anything is written, it has to open what is in the directory already.
          - For O(store.type=ansible_vault).
        type: str
      allow_shared_directory:
        description:
          - Whether to continue, with a warning, if others than the user who runs Ansible own the directory or one above
            it, or can write to it. Whoever can do that can remove the labs' records and restore old ones.
          - Default is V(false), which makes it an error. For O(store.type=ansible_vault).
        type: bool
      account:
        description:
          - The AWS account in which the store is.
          - V(central) is one of the operator's accounts, reached with the AWS options in O(store) only, or, if there
            are none, with the credentials that boto3 finds (environment, instance role).
          - V(lab) is the lab's own account, reached in the same way as the lab's IAM user.
          - Default is V(central). For O(store.type=aws_secretsmanager) and O(store.type=aws_ssm).
        type: str
        choices: [central, lab]
      prefix:
        description:
          - The beginning of the records' names, followed by the lab's name.
          - Default is V(cloudresearch/labs/) for O(store.type=aws_secretsmanager) and O(store.type=hashi_vault),
            V(/cloudresearch/labs/) for O(store.type=aws_ssm).
        type: str
      kms_key_id:
        description:
          - The KMS key that encrypts the records, by id, alias or ARN. Default is the account's AWS managed key.
          - For O(store.type=aws_secretsmanager) and O(store.type=aws_ssm).
        type: str
      tags:
        description:
          - Tags to set on records that are created from now on.
          - For O(store.type=aws_secretsmanager) and O(store.type=aws_ssm).
        type: dict
      recovery_window_days:
        description:
          - Keep a removed record restorable for this many days, V(7) to V(30). V(0) removes it at once and permanently.
          - Until then AWS reserves its name; a new record of the same lab takes over the name.
          - A record that somebody else scheduled for deletion is an error instead, which says how to restore it.
          - Default is V(0), because a record is removed only when its keys have been deleted.
          - For O(store.type=aws_secretsmanager).
        type: int
      tier:
        description:
          - The parameter tier. V(Standard) costs nothing and holds 4 KB, which is enough for a record.
          - Default is V(Standard). For O(store.type=aws_ssm).
        type: str
        choices: [Standard, Advanced, Intelligent-Tiering]
      access_key:
        description: Access key id for O(store.account=central). Goes with O(store.secret_key).
        type: str
      secret_key:
        description: Secret access key for O(store.account=central). Goes with O(store.access_key).
        type: str
      session_token:
        description: Session token for O(store.account=central), if the credentials are temporary.
        type: str
      profile:
        description: Named AWS profile for O(store.account=central).
        type: str
      region:
        description:
          - The AWS region of the store. Default is that of the credentials' profile or environment, else
            V(us-east-1). With O(store.account=lab) default is the task's region.
        type: str
      endpoint_url:
        description: Another URL for the AWS service of the store.
        type: str
      aws_ca_bundle:
        description: A file of CA certificates for O(store.account=central).
        type: path
      assume_role_arn:
        description: An IAM role to assume for O(store.account=central).
        type: str
      external_id:
        description: The external id that the trust policy of O(store.assume_role_arn) requires.
        type: str
      url:
        description:
          - The server's address. Default is the environment variable E(VAULT_ADDR), then E(BAO_ADDR).
          - It must begin with C(https://). C(http://) is accepted only for a server on this machine.
          - For O(store.type=hashi_vault), as all that follow.
        type: str
      namespace:
        description: The namespace. Default is the environment variable E(VAULT_NAMESPACE), then none.
        type: str
      mount_point:
        description: Where the KV version 2 engine is mounted. Default is V(secret).
        type: str
      token:
        description:
          - A token. Default is the environment variable E(VAULT_TOKEN), then E(BAO_TOKEN), then the file
            C(~/.vault-token).
        type: str
      role_id:
        description: The AppRole to sign in with instead of a token. Goes with O(store.secret_id).
        type: str
      secret_id:
        description: The AppRole's secret id.
        type: str
      approle_mount_point:
        description: Where AppRole is mounted. Default is V(approle).
        type: str
      ca_cert:
        description: A file of CA certificates. Default is the environment variable E(VAULT_CACERT).
        type: path
      timeout:
        description: Wait this many seconds for the server's whole answer. Default is V(10).
        type: float
      validate_certs:
        description: Whether to check the server's TLS certificate. Default is V(true). Not for V(ansible_vault).
        type: bool
"""
