param token string
param location string
param tags object

@description('Principal that sends telemetry.')
param metricsPublisherId string

module workspace 'br/public:avm/res/operational-insights/workspace:0.16.1' = {
  name: 'workspace'
  params: {
    name: 'log-baselift-${token}'
    location: location
    tags: tags
    dataRetention: 30
  }
}

module insights 'br/public:avm/res/insights/component:0.8.0' = {
  name: 'insights'
  params: {
    name: 'appi-baselift-${token}'
    location: location
    tags: tags
    workspaceResourceId: workspace.outputs.resourceId
    retentionInDays: 30
    disableLocalAuth: true
    roleAssignments: [
      {
        principalId: metricsPublisherId
        principalType: 'ServicePrincipal'
        roleDefinitionIdOrName: 'Monitoring Metrics Publisher'
      }
    ]
  }
}

output workspaceId string = workspace.outputs.resourceId
output insightsConnectionString string = insights.outputs.connectionString
