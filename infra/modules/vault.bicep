param token string
param location string
param tags object

@description('Principal of the app: may read the secrets.')
param readerId string

@description('Whoever deploys: may write the secrets. Empty: nobody is given that role.')
param officerId string
param workspaceId string

@description('Subnet for a private endpoint; empty for a public vault.')
param endpointsSubnetId string
param zoneIds object

var isolated = !empty(endpointsSubnetId)
var reader = [
  {
    principalId: readerId
    principalType: 'ServicePrincipal'
    roleDefinitionIdOrName: 'Key Vault Secrets User'
  }
]
var officer = empty(officerId) ? [] : [
  {
    principalId: officerId
    roleDefinitionIdOrName: 'Key Vault Secrets Officer'
  }
]

module vault 'br/public:avm/res/key-vault/vault:0.14.0' = {
  name: 'key-vault'
  params: {
    name: 'kv-bl-${token}'
    location: location
    tags: tags
    sku: 'standard'
    enableRbacAuthorization: true
    enablePurgeProtection: true
    enableVaultForDeployment: false
    enableVaultForDiskEncryption: false
    enableVaultForTemplateDeployment: false
    publicNetworkAccess: isolated ? 'Disabled' : 'Enabled'
    networkAcls: {
      bypass: 'AzureServices'
      defaultAction: isolated ? 'Deny' : 'Allow'
    }
    privateEndpoints: isolated ? [
      {
        subnetResourceId: endpointsSubnetId
        privateDnsZoneGroup: {
          privateDnsZoneGroupConfigs: [{ privateDnsZoneResourceId: zoneIds.vault }]
        }
      }
    ] : []
    roleAssignments: concat(reader, officer)
    diagnosticSettings: [{ workspaceResourceId: workspaceId }]
  }
}

output name string = vault.outputs.name
output uri string = vault.outputs.uri
