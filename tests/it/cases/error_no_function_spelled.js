const name = vo.MessageSid;
return name.toLowercase();
