# escape=`
FROM `
  mcr.example.com/windows/nanoserver:ltsc2022 `
  AS tools
COPY tools C:\tools\
FROM tools
ENV PATH="C:\tools;${PATH}"
