const sid = vo.message.MessageSid;
return sid;
