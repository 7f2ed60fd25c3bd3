param token string
param location string
param tags object

var zoneNames = {
  blob: 'privatelink.blob.${environment().suffixes.storage}'
  queue: 'privatelink.queue.${environment().suffixes.storage}'
  table: 'privatelink.table.${environment().suffixes.storage}'
  vault: 'privatelink.vaultcore.azure.net'
}

module network 'br/public:avm/res/network/virtual-network:0.10.1' = {
  name: 'virtual-network'
  params: {
    name: 'vnet-baselift-${token}'
    location: location
    tags: tags
    addressPrefixes: ['10.90.0.0/23']
    subnets: [
      {
        name: 'app'
        addressPrefix: '10.90.0.0/24'
        delegation: 'Microsoft.App/environments'
      }
      {
        name: 'endpoints'
        addressPrefix: '10.90.1.0/24'
      }
    ]
  }
}

module zones 'br/public:avm/res/network/private-dns-zone:0.8.1' = [
  for zone in items(zoneNames): {
    name: 'zone-${zone.key}'
    params: {
      name: zone.value
      tags: tags
      virtualNetworkLinks: [
        {
          virtualNetworkResourceId: network.outputs.resourceId
          registrationEnabled: false
        }
      ]
    }
  }
]

output appSubnetId string = network.outputs.subnetResourceIds[0]
output endpointsSubnetId string = network.outputs.subnetResourceIds[1]
output zoneIds object = toObject(range(0, length(items(zoneNames))), at => items(zoneNames)[at].key, at => resourceId('Microsoft.Network/privateDnsZones', items(zoneNames)[at].value))
