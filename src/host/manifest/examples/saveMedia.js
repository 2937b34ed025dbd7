for (const [index, { url }] of vo.media.entries()) {
  const saved = utils.saveMedia(url, "shop-inbox", `${vo.MessageSid}/${index}`);
  console.log(`${saved.fileName}: ${saved.contentType}, ${saved.size} bytes`);
}
return "We have got it.";
