param name string
param location string
param tags object
param workspaceId string

module registry 'br/public:avm/res/container-registry/registry:0.12.1' = {
  name: 'container-registry'
  params: {
    name: name
    location: location
    tags: tags
    acrSku: 'Standard'
    acrAdminUserEnabled: false
    anonymousPullEnabled: false
    publicNetworkAccess: 'Enabled'
    networkRuleSetDefaultAction: 'Allow'
    exportPolicyStatus: 'enabled'
    zoneRedundancy: 'Disabled'
    diagnosticSettings: [{ workspaceResourceId: workspaceId }]
  }
}
